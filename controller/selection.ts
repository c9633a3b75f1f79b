/** Which Service the settings select, as far as a snapshot tells. */
import { describeSelection, type ServiceSelection, type Settings } from '../common/settings.ts';
import type { ServedSettings, Snapshot } from './core/types.ts';

/** Settings that name another Service may be in force before that one is seen. */
export function isSelected(selection: ServiceSelection, { service, selectedBy }: Snapshot): boolean {
  const { name, namespace = 'default' } = service?.metadata ?? {};
  if (name === undefined || namespace !== selection.namespace) return false;
  return selection.name === undefined ? selectedBy === describeSelection(selection) : selection.name === name;
}

export function servedSettings(settings: Settings, snapshot: Snapshot): ServedSettings {
  const { namespace, name = snapshot.service?.metadata?.name ?? '' } = settings.service;
  return { ...settings, service: { namespace, name } };
}
