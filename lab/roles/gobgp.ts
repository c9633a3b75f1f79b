import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace } from '../network/command.ts';
import { fabric, localAs, nodeAddresses, podAddresses } from '../network/plan.ts';
import type { LabProcess } from '../processes.ts';
import type { ReflectorPlan } from './reflector.ts';

const apiPort = 50051;

/** GoBGP as a reflector: a passive peer group for the pods, add-path send to the router. */
export function startGobgpReflector(
  context: LabContext,
  role: Role,
  plan: ReflectorPlan,
): { process: LabProcess; sessions(): Promise<string>; routes(): Promise<string> } {
  const directory = join(context.stateDir, role.name);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'gobgpd.toml');
  writeFileSync(file, configuration(role, plan));
  const process = context.start({
    name: role.name,
    command: inNamespace(role.netns, [
      'gobgpd',
      '-f',
      file,
      '-t',
      'toml',
      '--log-plain',
      '--api-hosts',
      `127.0.0.1:${apiPort}`,
    ]),
  });
  const ask = (...question: string[]) =>
    role.exec(['gobgp', '-p', String(apiPort), ...question], { timeoutMs: 5000 });
  return { process, sessions: () => ask('neighbor'), routes: () => ask('global', 'rib') };
}

function configuration(role: Role, plan: ReflectorPlan): string {
  const password = plan.password === undefined ? '' : `auth-password = "${plan.password}"`;
  const ranges = plan.vipRanges.map(
    (range) => `[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "${range}"
masklength-range = "${range.split('/')[1]}..32"`,
  );
  return `[global.config]
as = ${localAs}
router-id = "${role.address}"
port = 179
local-address-list = ["${role.address}"]
[global.apply-policy.config]
import-policy-list = ["vips"]
default-import-policy = "reject-route"
default-export-policy = "accept-route"

[[defined-sets.prefix-sets]]
prefix-set-name = "vip-ranges"
${ranges.join('\n')}

[[policy-definitions]]
name = "vips"
[[policy-definitions.statements]]
[policy-definitions.statements.conditions.match-prefix-set]
prefix-set = "vip-ranges"
match-set-options = "any"
[policy-definitions.statements.conditions.bgp-conditions]
next-hop-in-list = ["${nodeAddresses}", "${podAddresses}"]
[policy-definitions.statements.actions]
route-disposition = "accept-route"

[[peer-groups]]
[peer-groups.config]
peer-group-name = "lb-pods"
peer-as = ${localAs}
${password}
[peer-groups.timers.config]
hold-time = 9
keepalive-interval = 3
[peer-groups.transport.config]
passive-mode = true
local-address = "${role.address}"
[peer-groups.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "${role.address}"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[peer-groups.afi-safis.prefix-limit.config]
max-prefixes = ${plan.maxPrefixes}

[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "${podAddresses}"
peer-group = "lb-pods"

[[neighbors]]
[neighbors.config]
neighbor-address = "${fabric.router}"
peer-as = ${localAs}
[neighbors.timers.config]
hold-time = 9
keepalive-interval = 3
connect-retry = 5
idle-hold-time-after-reset = 1
[neighbors.transport.config]
local-address = "${role.address}"
[neighbors.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "${role.address}"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[neighbors.afi-safis.add-paths.config]
send-max = 64
`;
}
