/** What the node's kernel must be set to. Told with the exact remedy; only the hash policy is ever set from here. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeSystemError } from '../../common/files.ts';
import type { Problem } from '../../common/problem.ts';
import { problems } from '../errors.ts';

/**
 * The multipath hash takes in ports (L4) with 1; with 0, addresses only, so that one client's flows all go to one LB
 * pod (Documentation/networking/ip-sysctl.rst, fib_multipath_hash_policy). 2 and 3 hash inner or chosen fields, and
 * whoever set them meant it.
 */
const policyName = 'net/ipv4/fib_multipath_hash_policy';
const forwardFile = '/proc/sys/net/ipv4/ip_forward';

export interface SysctlState {
  readonly hashPolicy: number;
  readonly changed: boolean;
  readonly problems: readonly Problem[];
}

/**
 * `writableDirectory`: in a container /proc/sys is read-only, and the node's own can be mounted elsewhere; a sysctl of
 * the network is that of the reader's network namespace, whichever mount it is read through (net/sysctl_net.c).
 */
export async function checkSysctls(mode: 'check' | 'set', writableDirectory: string): Promise<SysctlState> {
  const found: Problem[] = [];
  if ((await read(forwardFile)) === '0') found.push(problems.FORWARDING_OFF());
  const policy = await read(`/proc/sys/${policyName}`);
  if (policy !== '0') return { hashPolicy: Number(policy), changed: false, problems: found };
  if (mode === 'check')
    return { hashPolicy: 0, changed: false, problems: [...found, problems.MULTIPATH_POLICY('0')] };
  try {
    await writeFile(join(writableDirectory, policyName), '1\n');
    return { hashPolicy: 1, changed: true, problems: found };
  } catch (error) {
    const problem = problems.MULTIPATH_POLICY_UNWRITABLE('0', describeSystemError(error));
    return { hashPolicy: 0, changed: false, problems: [...found, problem] };
  }
}

async function read(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim();
}
