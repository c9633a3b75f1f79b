/** `--clear-status`: takes this release's addresses out of the Service's status, when the release itself is gone. */
import type { V1Ingress, V1Service } from '@kubernetes/client-node';
import { bodyOf } from '../../common/kubernetes/answers.ts';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import type { Logger } from '../../common/log.ts';
import { readSettings, type ServiceSelection } from '../../common/settings.ts';
import { candidateNames } from '../watch/service-choice.ts';
import { writeStatus } from './service-status.ts';

/** The exit code: 0 when nothing of it is left. Throws a Problem where that cannot be seen to. */
export async function clearStatus(
  settingsFile: string,
  open: () => Promise<KubernetesClient>,
  log: Logger,
): Promise<number> {
  const { settings, problems } = await readSettings(settingsFile);
  if (settings === undefined) throw problems[0];
  if (settings.endpoints.source !== 'kubernetes') {
    log.info('status', {}, 'endpoints come from files: there is no status to clear');
    return 0;
  }
  const client = await open();
  const { namespace } = settings.service;
  for (const name of await namesOf(client, settings.service)) {
    const outcome = await writeStatus(
      client,
      { namespace, name },
      { addresses: [], prefixes: settings.vip.prefixes },
    );
    const said = outcome === 'written' ? 'addresses taken out' : `nothing to take out (${outcome})`;
    log.info(
      'status',
      { service: `${namespace}/${name}`, outcome },
      `status of Service ${namespace}/${name}: ${said}`,
    );
  }
  return 0;
}

async function namesOf(client: KubernetesClient, selection: ServiceSelection): Promise<string[]> {
  if (selection.name !== undefined) return [selection.name];
  const { namespace, ingressClassName } = selection;
  const path =
    ingressClassName === undefined
      ? `/api/v1/namespaces/${namespace}/services`
      : `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;
  const query = ingressClassName === undefined ? { fieldSelector: 'spec.type=LoadBalancer' } : {};
  const { items } = bodyOf(await client.request({ path, query }), client, 'list', path) as {
    items: (V1Service | V1Ingress)[];
  };
  return candidateNames(items, selection);
}
