/**
 * The addressing plan of the lab, in one place.
 *
 * ```
 * clients  10.1.0.0/24 ── .254 router .254 ── fabric 10.0.0.0/24 ── node n: .n
 *                                              reflectors .251 .252       └─ pods 10.42.n.0/24, gateway .1
 *                                              the lab itself .250
 * ```
 */
export const localAs = 64512;

export const clientLan = { prefix: '10.1.0.0/24', router: '10.1.0.254' };
export const fabric = { prefix: '10.0.0.0/24', router: '10.0.0.254', lab: '10.0.0.250' };
/** Only addresses of nodes, so that a reflector can refuse every other next-hop. */
export const nodeAddresses = '10.0.0.0/27';
export const podAddresses = '10.42.0.0/16';
/** TEST-NET-3 and TEST-NET-2 (RFC 5737): never anybody's. */
export const vipRanges = ['203.0.113.0/24', '198.51.100.0/24'];
export const reflectorAddresses = ['10.0.0.251', '10.0.0.252'];
export const maxNodes = 16;

export function clientAddress(index: number): string {
  return within(10, 1, 0, index, 200);
}

export function nodeAddress(index: number): string {
  return within(10, 0, 0, index, maxNodes);
}

export function podCidr(nodeIndex: number): string {
  return `10.42.${nodeIndex}.0/24`;
}

export function podGateway(nodeIndex: number): string {
  return `10.42.${nodeIndex}.1`;
}

/** The nth pod of a node, from 1; addresses are used again only after 253 pods. */
export function podAddress(nodeIndex: number, nth: number): string {
  return `10.42.${nodeIndex}.${2 + ((nth - 1) % 253)}`;
}

function within(a: number, b: number, c: number, index: number, last: number): string {
  if (index < 1 || index > last)
    throw new Error(`the lab's plan has no address ${index} in ${a}.${b}.${c}.0/24 (1 to ${last})`);
  return `${a}.${b}.${c}.${index}`;
}

/** The same address always has the same MAC, so that no neighbour holds a stale one. */
export function macOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `02:00:${bytes.join(':')}`;
}

/** Host-gw routes to the pods of every node there can be; those of a node itself are its own affair. */
export function podRoutes(exceptNode = 0): string[] {
  const routes: string[] = [];
  for (let node = 1; node <= maxNodes; node++) {
    if (node !== exceptNode) routes.push(`route add ${podCidr(node)} via ${nodeAddress(node)}`);
  }
  return routes;
}

/**
 * A seed of its own for each namespace: with the kernel's shared one a router and the node behind it choose
 * alike, and a node's second LB pod gets nothing. The same name gives the same seed in every run.
 */
export function hashSeed(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash === 0 ? 1 : hash;
}

/** The nth address of a prefix, from 0. */
export function addressIn(prefix: string, nth: number): string {
  const [base = '', length = '32'] = prefix.split('/');
  const size = 2 ** (32 - Number(length));
  if (nth < 0 || nth >= size) throw new Error(`${prefix} has ${size} addresses, not one numbered ${nth}`);
  const number = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + nth;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
