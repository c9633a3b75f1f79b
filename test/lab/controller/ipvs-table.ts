/** `ipvsadm -L -n`, read by itself: nothing of the product says here what the kernel holds. */
import type { Role } from '../../../lab/api.ts';

/** 'FWM 1' or 'TCP 10.0.0.1:80' → scheduler and servers, 'address:port' → weight. */
export type IpvsTable = Record<string, { scheduler: string; servers: Record<string, number> }>;

export async function readIpvs(role: Role): Promise<IpvsTable> {
  const table: IpvsTable = {};
  let servers: Record<string, number> = {};
  for (const line of (await role.exec(['ipvsadm', '-L', '-n'])).split('\n').slice(3)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '->') {
      const [, place = '', method = '', weight = ''] = words;
      servers[place] = Number(weight);
      if (method !== 'Masq') throw new Error(`${place} is served by ${method}`);
    } else if (words.length >= 3) {
      const [kind = '', place = '', scheduler = ''] = words;
      servers = {};
      table[`${kind} ${place}`] = { scheduler, servers };
    }
  }
  return table;
}

/** Connections begun since the entry was made, 'FWM 1 address:port' → count: an entry made anew begins at 0. */
export async function readConnectionCounts(role: Role): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let service = '';
  for (const line of (await role.exec(['ipvsadm', '-L', '-n', '--stats', '--exact'])).split('\n').slice(3)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '->') counts[`${service} ${words[1]}`] = Number(words[2]);
    else if (words.length >= 3) service = `${words[0]} ${words[1]}`;
  }
  return counts;
}
