import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace, run } from '../network/command.ts';
import { fabric, localAs, reflectorAddresses } from '../network/plan.ts';
import type { LabProcess } from '../processes.ts';
import { waitFor } from '../wait.ts';

/** FRR as the router: zebra installs what bgpd learns. Receiving add-paths is on by itself. */
export async function startFrrRouter(
  context: LabContext,
  role: Role,
): Promise<{ process: LabProcess; sessions(): Promise<string> }> {
  const directory = join(context.stateDir, role.name);
  mkdirSync(directory, { recursive: true });
  // Its daemons drop to this user, and refuse root; mgmtd's own sockets are always here.
  mkdirSync('/run/frr', { recursive: true });
  await run(['chown', 'frr:frr', directory, '/run/frr']);
  const zserv = join(directory, 'zserv.api');
  const start = (daemon: string, extra: string[]) =>
    context.start({
      name: `${role.name}.${daemon}`,
      command: inNamespace(role.netns, frrDaemon(daemon, directory, extra)),
    });
  // Without mgmtd zebra complains several hundred times a second.
  start('mgmtd', []);
  start('zebra', ['-z', zserv]);
  const vtysh = (command: string) =>
    run(['vtysh', '--vty_socket', directory, '-c', command], { timeoutMs: 10_000 });
  await waitFor('zebra', async () => (await vtysh('show zebra client summary')) !== '', { everyMs: 50 });
  const configFile = join(directory, 'bgpd.conf');
  writeFileSync(configFile, configuration());
  const bgpd = start('bgpd', ['-z', zserv, '-f', configFile]);
  return { process: bgpd, sessions: () => vtysh('show bgp ipv4 unicast summary') };
}

/** The command line of mgmtd, zebra or bgpd, with its files in this directory. */
export function frrDaemon(daemon: string, directory: string, extra: string[]): string[] {
  const user = ['-i', join(directory, `${daemon}.pid`), '-P', '0', '-u', 'frr', '-g', 'frr'];
  return [`/usr/lib/frr/${daemon}`, ...user, '--vty_socket', directory, '--log', 'stdout', ...extra];
}

function configuration(): string {
  const neighbours = reflectorAddresses.flatMap((address) => [
    ` neighbor ${address} remote-as ${localAs}`,
    ` neighbor ${address} timers connect 1`,
  ]);
  return [
    'hostname router',
    `router bgp ${localAs}`,
    ` bgp router-id ${fabric.router}`,
    ' timers bgp 3 9',
    ...neighbours,
    ' address-family ipv4 unicast',
    '  maximum-paths ibgp 64',
    ' exit-address-family',
    '',
  ].join('\n');
}
