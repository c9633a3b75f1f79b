import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace, run } from '../network/command.ts';
import {
  fabric,
  localAs,
  maxNodes,
  nodeAddress,
  nodeAddresses,
  podAddresses,
  podCidr,
  reflectorAddresses,
} from '../network/plan.ts';
import type { LabProcess } from '../processes.ts';
import type { ReflectorPlan } from './reflector.ts';

export interface BirdTalk {
  sessions(): Promise<string>;
  routes(): Promise<string>;
}

export interface BirdDaemon extends BirdTalk {
  process: LabProcess;
}

// A lab has no flapping peers to be patient with: a second, where BIRD waits five to sixty.
const timers = `
  hold time 9;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  graceful restart off;
  long lived graceful restart off;`;

/** `callers`: reflectors that come to the router by themselves, from these addresses. */
export function startBirdRouter(
  context: LabContext,
  role: Role,
  callers: readonly string[] = [],
): Promise<BirdDaemon> {
  const pods = Array.from(
    { length: maxNodes },
    (_, index) => `  route ${podCidr(index + 1)} via ${nodeAddress(index + 1)};`,
  );
  const reflectors = [
    ...reflectorAddresses.map((address, index) => ({ name: `reflector${index + 1}`, address, mode: '' })),
    ...callers.map((address, index) => ({ name: `caller${index + 1}`, address, mode: '\n  passive;' })),
  ];
  const peers = reflectors.map(
    ({ name, address, mode }) => `
protocol bgp ${name} {
  local ${fabric.router} as ${localAs};
  neighbor ${address} as ${localAs};${mode}${timers}
  ipv4 { import all; export none; add paths rx; gateway recursive; };
}`,
  );
  return startBird(
    context,
    role,
    `
router id ${fabric.router};
protocol device { }
protocol direct { ipv4; interface "eth*"; }
protocol static pods { ipv4;
${pods.join('\n')}
}
protocol kernel {
  merge paths on limit 64;
  ipv4 { import none; export filter { if source = RTS_BGP then accept; reject; }; };
}
${peers.join('\n')}
`,
  );
}

export function startBirdReflector(
  context: LabContext,
  role: Role,
  plan: ReflectorPlan,
): Promise<BirdDaemon> {
  const password = plan.password === undefined ? '' : `\n  password "${plan.password}";`;
  const ranges = plan.vipRanges.map((range) => `${range}+`).join(', ');
  return startBird(
    context,
    role,
    `
router id ${role.address};
protocol device { }
protocol direct { ipv4; interface "eth*"; }
filter vips {
  if net !~ [ ${ranges} ] then reject;
  if bgp_next_hop ~ ${nodeAddresses} || bgp_next_hop ~ ${podAddresses} then accept;
  reject;
}
protocol bgp lbpods {
  local ${role.address} as ${localAs};
  neighbor range ${podAddresses} as ${localAs};
  dynamic name "lbpod";
  passive;
  rr client;${password}${timers}
  ipv4 { import filter vips; import limit ${plan.maxPrefixes} action disable; export none; };
}
protocol bgp router {
  local ${role.address} as ${localAs};
  neighbor ${fabric.router} as ${localAs};
  rr client;${timers}
  ipv4 { import none; export where source = RTS_BGP; add paths tx; next hop keep; };
}
`,
  );
}

async function startBird(context: LabContext, role: Role, text: string): Promise<BirdDaemon> {
  const directory = join(context.stateDir, role.name);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'bird.conf');
  writeFileSync(file, `log stderr all;\n${text.trimStart()}`);
  const process = context.start({
    name: role.name,
    command: inNamespace(role.netns, ['bird', '-f', '-c', file, '-s', controlSocket(context, role)]),
  });
  return { process, ...talkToBird(context, role) };
}

/** To a BIRD that runs, whoever started it. */
export function talkToBird(context: LabContext, role: Role): BirdTalk {
  const control = controlSocket(context, role);
  const ask = (question: string) =>
    run(['birdc', '-s', control, '-r', ...question.split(' ')], { timeoutMs: 5000 });
  return { sessions: () => ask('show protocols'), routes: () => ask('show route all') };
}

function controlSocket(context: LabContext, role: Role): string {
  return join(context.stateDir, role.name, 'bird.ctl');
}
