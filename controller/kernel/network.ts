/** The pod's own network as one wanted state: local routes, packet rules, sysctls. */
import type { Logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';
import { type LocalRoutes, openLocalRoutes } from './routes.ts';
import type { MarkedPort, RulesTool } from './rules.ts';
import { chooseRulesTool, createRulesKeeper, type RulesKeeper } from './rules-keeper.ts';
import { ensureSysctls, natSysctls } from './sysctls.ts';

export interface PodNetwork {
  readonly interface: string; // eth0
  readonly prefixes: readonly string[];
  /** Ports whose virtual service is in the kernel; all others are refused. */
  readonly ports: readonly MarkedPort[];
  readonly unmatched: 'reject' | 'drop';
}

export interface NetworkResult {
  /** For the log: what was not as wanted, and what was done. */
  changed: string[];
  /** The network is not fit to carry traffic: the lease says no while there is one. */
  problems: Problem[];
  /** It carries traffic, but something that is advised may not be done. */
  advice: Problem[];
}

export interface PodNetworkKeeper {
  readonly backend: 'nft' | 'iptables';
  /** Idempotent and cheap when nothing differs (a few milliseconds). One at a time; a call waits for the one before. */
  ensure(wanted: PodNetwork): Promise<NetworkResult>;
  close(): void;
}

export interface PodNetworkParts {
  readonly log: Logger;
  /** Which tools to try, in order; default: nft, then iptables-legacy. */
  readonly tools?: readonly RulesTool[];
}

/** Throws Problem when this pod has no way to make packet rules. */
export async function openPodNetwork({ log, tools }: PodNetworkParts): Promise<PodNetworkKeeper> {
  const { tool, passedOver } = await chooseRulesTool(tools);
  const why = passedOver.length > 0 ? ` (${passedOver.join('; ')})` : '';
  log.info('network', { backend: tool.name, passedOver }, `packet rules are made with ${tool.name}${why}`);
  const routes = openLocalRoutes();
  const keeper = createRulesKeeper(tool);
  let last: Promise<unknown> = Promise.resolve();
  return {
    backend: tool.name,
    ensure(wanted) {
      const result = last.then(() => ensureAll(routes, keeper, wanted));
      last = result.catch(() => undefined);
      return result;
    },
    close: () => routes.close(),
  };
}

/** Routes stand before the rules that need them, and go after them. A step that fails does not stop the others. */
async function ensureAll(
  routes: LocalRoutes,
  rules: RulesKeeper,
  wanted: PodNetwork,
): Promise<NetworkResult> {
  const result: NetworkResult = { changed: [], problems: [], advice: [] };
  const attempt = async (step: () => Promise<string[]>) => {
    try {
      result.changed.push(...(await step()));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // One missing privilege refuses every step: told once.
      if (!result.problems.some(({ code }) => code === error.code)) result.problems.push(error);
    }
  };
  await attempt(async () => {
    const sysctls = await ensureSysctls(natSysctls);
    result.problems.push(...sysctls.problems);
    result.advice.push(...sysctls.advice);
    return sysctls.changed;
  });
  await attempt(() => addRoutes(routes, wanted));
  await attempt(() => rules.ensure(wanted));
  await attempt(() => removeRoutes(routes, wanted));
  return result;
}

async function addRoutes(routes: LocalRoutes, { interface: name, prefixes }: PodNetwork): Promise<string[]> {
  if (prefixes.length === 0) return [];
  const interfaceIndex = await routes.interfaceIndex(name);
  const held = await routes.list();
  const changed: string[] = [];
  for (const prefix of prefixes) {
    if (held.some((route) => route.prefix === prefix && route.interfaceIndex === interfaceIndex)) continue;
    await routes.add({ prefix, interfaceIndex });
    changed.push(`local route ${prefix} dev ${name} was missing: added`);
  }
  return changed;
}

async function removeRoutes(
  routes: LocalRoutes,
  { interface: name, prefixes }: PodNetwork,
): Promise<string[]> {
  const changed: string[] = [];
  const interfaceIndex = prefixes.length === 0 ? undefined : await routes.interfaceIndex(name);
  for (const route of await routes.list()) {
    if (prefixes.includes(route.prefix) && route.interfaceIndex === interfaceIndex) continue;
    await routes.remove(route);
    changed.push(`local route ${route.prefix} is not wanted: removed`);
  }
  return changed;
}
