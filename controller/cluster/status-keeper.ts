/** Sees to it that the status of a Service of type LoadBalancer names the VIPs for as long as this LB pod serves it. */
import type { V1Service } from '@kubernetes/client-node';
import { problemOfFailure } from '../../common/kubernetes/answers.ts';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import type { Logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';
import type { Settings } from '../../common/settings.ts';
import { ingressOf, mergeIngress, sameIngress } from './load-balancer-status.ts';
import { writeStatus } from './service-status.ts';

export interface StatusKeeper {
  /** Never waits, never throws; called every second with what is known now. Only while the LB pod is ready. */
  tend(service: V1Service, vip: Settings['vip']): void;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
}

export interface StatusKeeperParts {
  readonly open: () => Promise<KubernetesClient>;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** What somebody takes out is put back, and not fought about; so is what failed. */
const againMs = 30_000;

export function createStatusKeeper({ open, log, nowMs }: StatusKeeperParts): StatusKeeper {
  /** what was written for which Service last, and when */
  let last = '';
  let lastAtMs = -Infinity;
  let told = '';
  let writing: Promise<void> | undefined;
  /** of a server that drops ipMode: nothing is written for this Service any more */
  let given = '';
  const written = new Set<string>();

  async function write(service: V1Service, vip: Settings['vip']): Promise<void> {
    const { name = '', namespace = 'default', uid = '' } = service.metadata ?? {};
    const what = `${namespace}/${name}`;
    try {
      const own = { ...vip, former: written };
      const outcome = await writeStatus(await open(), { namespace, name }, own);
      for (const address of vip.addresses) written.add(address);
      told = '';
      if (outcome === 'written')
        log.info(
          'status',
          { service: what, addresses: vip.addresses },
          `Service ${what}: status.loadBalancer names ${vip.addresses.join(', ') || 'none of its addresses'} (ipMode Proxy)`,
        );
    } catch (error) {
      const problem = error instanceof Problem ? error : problemOfFailure(error, 'of the cluster');
      if (problem.code === 'IP_MODE_DROPPED') given = uid;
      if (problem.message !== told)
        log.warn(
          'status',
          { service: what, code: problem.code },
          `status of Service ${what}: ${problem.message}`,
        );
      told = problem.message;
    }
  }

  return {
    tend(service, vip) {
      if (writing !== undefined || service.spec?.type !== 'LoadBalancer') return;
      const { uid = '' } = service.metadata ?? {};
      const held = ingressOf(service);
      if (uid === given || sameIngress(held, mergeIngress(held, { ...vip, former: written }))) return;
      const key = JSON.stringify([uid, vip.addresses, vip.prefixes]);
      if (key === last && nowMs() - lastAtMs < againMs) return;
      last = key;
      lastAtMs = nowMs();
      writing = write(service, vip).finally(() => {
        writing = undefined;
      });
    },
    async idle() {
      await writing;
    },
  };
}
