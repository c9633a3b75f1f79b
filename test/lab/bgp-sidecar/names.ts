/** A DNS server (dnsmasq) beside the peers, for names in cluster.local. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../../lab/wait.ts';
import type { Program, Segment } from './segment.ts';

export const nameServer = '10.9.0.53';
/** As the kubelet writes it for a pod of the namespace lb. */
export const resolvConf = `search lb.svc.cluster.local svc.cluster.local cluster.local
nameserver ${nameServer}
options ndots:5
`;

export interface Names {
  readonly program: Program;
  /** The A records of a name from now on. */
  set(name: string, addresses: string[]): void;
}

export async function startNames(segment: Segment, first: Record<string, string[]>): Promise<Names> {
  const file = join(segment.directory, 'names');
  const records = new Map(Object.entries(first));
  const write = () => {
    const lines = [...records].flatMap(([name, addresses]) => addresses.map((each) => `${each} ${name}\n`));
    writeFileSync(file, lines.join(''));
  };
  write();
  const program = segment.start('peers', 'dnsmasq', [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
    ...['--bind-interfaces', `--listen-address=${nameServer}`, '--user=root', '--pid-file='],
    ...[`--addn-hosts=${file}`, '--local=/cluster.local/', '--log-facility=-'],
  ]);
  await waitFor(
    'dnsmasq to have read its names',
    () => program.log().includes(file) || { notYet: program.log() },
  );
  return {
    program,
    set(name, addresses) {
      records.set(name, addresses);
      write();
      program.signal('SIGHUP');
    },
  };
}
