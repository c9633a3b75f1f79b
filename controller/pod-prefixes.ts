/**
 * The VIP prefixes of a pod are those that it was made with: the node router knows them by the pod's annotation, and a
 * node sends packets for any other prefix back to the router. Settings reach pods that are about to be replaced too, so
 * these go on with their own prefixes, and the others come with the pods that follow.
 */
import { contains, type Prefix, parsePrefix } from '../common/cidr.ts';
import type { Settings } from '../common/settings.ts';

/** `own`: undefined where nobody says (outside of a cluster): then the settings do. */
export function withPodPrefixes(settings: Settings, own: readonly string[] | undefined): Settings {
  if (own === undefined || same(own, settings.vip.prefixes)) return settings;
  const prefixes = own.map(parsePrefix).filter((each): each is Prefix => typeof each !== 'string');
  if (prefixes.length < own.length) return settings;
  // of a prefix that leaves none: it is served to its end, and the status names it no more
  const addresses = settings.vip.addresses.filter((address) =>
    prefixes.some((each) => contains(each, address)),
  );
  return { ...settings, vip: { ...settings.vip, prefixes: prefixes.map(({ text }) => text), addresses } };
}

/** `203.0.113.0/28,198.51.100.7/32`, as the annotation has them; undefined: there is none. */
export function readPodPrefixes(text: string | undefined): string[] | undefined {
  const prefixes = (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  return prefixes.length > 0 ? prefixes : undefined;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}
