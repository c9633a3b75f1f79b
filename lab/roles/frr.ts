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
  const zserv = join(directory, 'zserv.api');
  const common = ['-z', zserv, '--vty_socket', directory, '-u', 'root', '-g', 'root', '--log', 'stdout'];
  const start = (daemon: string, config: string, extra: string[]) => {
    const file = join(directory, `${daemon}.conf`);
    writeFileSync(file, config);
    return context.start({
      name: `${role.name}.${daemon}`,
      command: inNamespace(role.netns, [
        `/usr/lib/frr/${daemon}`,
        '-f',
        file,
        '-i',
        join(directory, `${daemon}.pid`),
        '-P',
        '0',
        ...common,
        ...extra,
      ]),
    });
  };
  start('zebra', 'hostname router\n', []);
  const vtysh = (command: string) =>
    run(['vtysh', '--vty_socket', directory, '-c', command], { timeoutMs: 10_000 });
  await waitFor('zebra', async () => (await vtysh('show zebra client summary')) !== '', { everyMs: 50 });
  const neighbours = reflectorAddresses.flatMap((address) => [
    ` neighbor ${address} remote-as ${localAs}`,
    ` neighbor ${address} timers connect 1`,
  ]);
  const bgpd = start(
    'bgpd',
    [
      'hostname router',
      `router bgp ${localAs}`,
      ` bgp router-id ${fabric.router}`,
      ' timers bgp 3 9',
      ...neighbours,
      ' address-family ipv4 unicast',
      '  maximum-paths ibgp 64',
      ' exit-address-family',
      '',
    ].join('\n'),
    [],
  );
  return { process: bgpd, sessions: () => vtysh('show bgp ipv4 unicast summary') };
}
