/** A pair that carries traffic while something bad is done to it: what it says, and that it runs on. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { type IpvsTable, readIpvs } from './ipvs-table.ts';
import { type LogLine, logLines, openStation, prefix, type Station } from './station.ts';

const deadlineMs = 60_000;

export interface LivePair extends Station {
  /** Lines of level error or warn since `from` (a length of the log text). */
  complaints(from: number, pod?: LabLbPod): string[];
  /** Waits for one that says so. */
  complaint(from: number, words: RegExp): Promise<string>;
  /** IPVS is as given, the lease is renewed and says yes, the route is where it was, requests are answered. */
  runsOn(wanted: IpvsTable): Promise<void>;
  /** The route may have changed until now. */
  routeIsAsItIs(): void;
  /** Settings that are good, with another weight, reach the kernel; gives what it holds then. */
  takesAGoodChange(): Promise<IpvsTable>;
}

export async function openLivePair(): Promise<LivePair> {
  const station = await openStation({
    routes: 'announced',
    ports: [{ name: 'web', port: 80, targetPort: 8080 }],
    settings: { healthCheck: { type: 'none' }, lease: { seconds: 20 } },
  });
  const { pod, client, service, router, node } = station;
  let routeChanges = router.history(prefix).length;
  let weight = 1;

  const complaints = (from: number, of: LabLbPod = pod) =>
    logLines(of, from)
      .filter(({ level }: LogLine) => level === 'error' || level === 'warn')
      .map(({ msg }) => msg);

  return {
    ...station,
    complaints,

    complaint: (from, words) =>
      waitFor(
        `a message like ${words}`,
        () => complaints(from).find((msg) => words.test(msg)) ?? { notYet: complaints(from).join('\n') },
        { deadlineMs },
      ),

    async runsOn(wanted) {
      expect(await readIpvs(pod)).to.deep.equal(wanted);
      const { renewedAtMs } = pod.lease() ?? {};
      await waitFor('a new lease that says yes', () => {
        const lease = pod.lease();
        const isNew = lease?.announce === true && lease.renewedAtMs !== renewedAtMs;
        return isNew || { notYet: JSON.stringify(lease) };
      });
      const report = await client.requests({
        urls: [service.url(1), service.url(9)],
        count: 6,
        timeoutMs: 30_000,
      });
      expect(report.failed).to.deep.equal([]);
      expect(router.history(prefix).length, 'changes of the route').to.equal(routeChanges);
      expect(router.nextHops(prefix)).to.deep.equal([node.address]);
    },

    routeIsAsItIs() {
      routeChanges = router.history(prefix).length;
    },

    async takesAGoodChange() {
      weight++;
      await service.updateSettings({ realServer: { weight } });
      const wanted = Object.fromEntries(service.servers.map(({ address }) => [`${address}:8080`, weight]));
      return waitFor(
        `weight ${weight} everywhere`,
        async () => {
          const table = await readIpvs(pod);
          const servers = table['FWM 1']?.servers ?? {};
          const isWanted = JSON.stringify(sorted(servers)) === JSON.stringify(sorted(wanted));
          return isWanted ? table : { notYet: JSON.stringify(servers) };
        },
        { deadlineMs, everyMs: 100 },
      );
    },
  };
}

function sorted(servers: Record<string, number>): [string, number][] {
  return Object.entries(servers).sort(([a], [b]) => (a < b ? -1 : 1));
}
