/** Sysctls of the pod's network namespace. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../common/problem.ts';
import { systemCode } from '../../common/problem.ts';
import { problems, type Setting } from './errors.ts';

export interface Sysctl extends Setting {
  /** required: without it no packet passes, the LB pod must not be announced; advised: it serves, less well. */
  readonly need: 'required' | 'advised';
}

/** For the forwarding method NAT (net/netfilter/ipvs, Documentation/networking/ipvs-sysctl.rst). */
export const natSysctls: readonly Sysctl[] = [
  { name: 'net.ipv4.ip_forward', value: '1', need: 'required' }, // answers of real servers pass through the pod
  { name: 'net.ipv4.vs.conntrack', value: '1', need: 'required' }, // else masquerade does not see IPVS' flows
  { name: 'net.ipv4.vs.expire_nodest_conn', value: '1', need: 'advised' }, // a flow to a server that is gone ends at once
  { name: 'net.ipv4.vs.conn_reuse_mode', value: '1', need: 'advised' }, // a client port used again is scheduled anew
  { name: 'net.ipv4.vs.sloppy_tcp', value: '0', need: 'advised' }, // NAT: flows of another LB pod cannot be taken over
  // A server's late segment must not be INVALID: untranslated, it would meet no socket in the pod, whose reset
  // ends the flow (kubernetes issue 74839).
  { name: 'net.netfilter.nf_conntrack_tcp_be_liberal', value: '1', need: 'advised' },
];

export interface SysctlsResult {
  readonly changed: string[];
  readonly problems: Problem[];
  readonly advice: Problem[];
}

export async function ensureSysctls(
  wanted: readonly Sysctl[],
  directory = '/proc/sys',
): Promise<SysctlsResult> {
  const changed: string[] = [];
  const refused: { sysctl: Sysctl; held: string }[] = [];
  const missing: Sysctl[] = [];
  for (const sysctl of wanted) {
    const file = join(directory, ...sysctl.name.split('.'));
    try {
      const held = (await readFile(file, 'utf8')).trim();
      if (held === sysctl.value) continue;
      refused.push({ sysctl, held });
      await writeFile(file, sysctl.value);
      refused.pop();
      changed.push(`sysctl ${sysctl.name} was ${held}: set to ${sysctl.value}`);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT') missing.push(sysctl);
      else if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
    }
  }
  const tell = (need: Sysctl['need']): Problem[] => {
    const word = need === 'required' ? 'Required' : 'Advised';
    const locked = refused.filter(({ sysctl }) => sysctl.need === need);
    const absent = missing.filter((sysctl) => sysctl.need === need);
    const held = locked.map(({ sysctl, held }) => `${sysctl.name} is ${held}`);
    return [
      ...(locked.length > 0
        ? [
            problems.SYSCTL_READ_ONLY(
              word,
              held,
              locked.map(({ sysctl }) => sysctl),
            ),
          ]
        : []),
      ...(absent.length > 0
        ? [
            problems.SYSCTL_MISSING(
              word,
              absent.map(({ name }) => name),
            ),
          ]
        : []),
    ];
  };
  return { changed, problems: tell('required'), advice: tell('advised') };
}
