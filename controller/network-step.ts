/** The pod's own network (route, rules, sysctls) as a step of the turn: made, looked at now and then, put right, told. */
import type { Logger } from '../common/log.ts';
import type { Problem } from '../common/problem.ts';
import type { VirtualService } from './core/types.ts';
import type { NetworkResult, PodNetwork, PodNetworkKeeper } from './kernel/network.ts';
import type { Metrics } from './metrics.ts';
import { createTeller } from './report.ts';

/** How often route, rules and sysctls are looked at when nothing changes: with iptables-legacy it costs a process. */
const lookEveryMs = 3000;

/** The kernel or a tool of the image gave no answer: nothing is known, which is not the same as being wrong. */
const silent = new Set(['KERNEL_SILENT', 'COMMAND_SLOW', 'COMMAND_UNSTARTABLE']);

export interface NetworkStep {
  /**
   * Makes it so. When it was so at the last look, and that is old, a new look begins that nobody waits for: where it
   * starts a program, it takes tenths of a second in which no change of the servers would be taken. Rejects when no answer is to be had about a
   * network that was right at the last look: a no would withdraw LB pods whose rules are right, all that are short
   * of the same thing (memory, processor time) at once. A lease that is not renewed lapses instead.
   */
  ensure(
    prefixes: readonly string[],
    services: readonly VirtualService[],
    unmatched: PodNetwork['unmatched'],
  ): Promise<void>;
  /** Why the network cannot serve; undefined when it is as wanted. */
  fault(): string | undefined;
  /** Prefixes that have their route and rules. */
  reachable(): readonly string[];
}

export interface NetworkStepParts {
  readonly interface: string;
  /** Opened when first needed; rejects with what this pod lacks. */
  readonly keeper: () => Promise<PodNetworkKeeper>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

export function createNetworkStep({
  interface: name,
  keeper,
  log,
  metrics,
  nowMs,
}: NetworkStepParts): NetworkStep {
  let ensured = '';
  let ensuredAtMs = -Infinity;
  let fault: string | undefined = 'the pod network has not been verified yet';
  let reachable: readonly string[] = [];
  let looking: Promise<void> | undefined;
  let isUnanswered = false;
  const tell = createTeller((text) => log.error('network', {}, text));
  const advise = createTeller((text) => log.warn('network', {}, text));

  const attempt = async (wanted: PodNetwork): Promise<NetworkResult> => {
    try {
      return await (await keeper()).ensure(wanted);
    } catch (problem) {
      return { changed: [], problems: [problem as Problem], advice: [] };
    }
  };

  const report = (changed: string[], asWantedBefore: boolean) => {
    if (changed.length === 0) return;
    if (!asWantedBefore) return log.info('network', { changed }, `pod network: ${changed.join('; ')}`);
    metrics.networkMended.inc(changed.length);
    log.warn('network', { changed }, `pod network was not as wanted, put right: ${changed.join('; ')}`);
  };

  const isRight = (key: string) => key === ensured && fault === undefined;

  const look = async (wanted: PodNetwork, key: string): Promise<void> => {
    const { changed, problems, advice } = await attempt(wanted);
    const [first] = problems;
    isUnanswered =
      first !== undefined && fault === undefined && problems.every(({ code }) => silent.has(code));
    if (isUnanswered) throw first;
    report(changed, isRight(key));
    fault = first?.message;
    tell(problems.map((problem) => problem.message));
    advise(advice.map((problem) => problem.message));
    ensured = key;
    ensuredAtMs = nowMs();
    if (fault === undefined) reachable = wanted.prefixes;
  };

  return {
    async ensure(prefixes, services, unmatched) {
      const ports = services.map(({ protocol, port, mark }) => ({ protocol, port, mark }));
      const wanted = { interface: name, prefixes: [...prefixes], ports, unmatched };
      const key = JSON.stringify(wanted);
      if (isRight(key) && !isUnanswered) {
        if (nowMs() - ensuredAtMs < lookEveryMs) return;
        looking ??= look(wanted, key)
          .catch(() => undefined)
          .finally(() => {
            looking = undefined;
          });
        return;
      }
      await looking;
      await look(wanted, key);
    },
    fault: () => fault,
    reachable: () => reachable,
  };
}
