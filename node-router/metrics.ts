/** The numbers that matter, in Prometheus' text format. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly pods: Gauge<'state'>;
  readonly routes: Gauge<'state'>;
  readonly unusable: Gauge;
  readonly changes: Counter;
  readonly mended: Counter;
  readonly failures: Counter<'code'>;
  readonly hashPolicy: Gauge;
  readonly changeSeconds: Histogram;
}

export interface MetricsParts {
  /** Age of the last snapshot of pods, undefined before the first. */
  readonly snapshotAgeSeconds: () => number | undefined;
  /** Since the API server last confirmed it; undefined without an API, or before it did. */
  readonly confirmedAgeSeconds: () => number | undefined;
}

export function createMetrics({ snapshotAgeSeconds, confirmedAgeSeconds }: MetricsParts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const named = (name: string, help: string) => ({
    name: `portable_lb_node_router_${name}`,
    help,
    registers,
  });
  const measure = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      ...named(name, help),
      collect() {
        const measured = value();
        if (measured === undefined) this.remove();
        else this.set(measured);
      },
    });
  measure('snapshot_age_seconds', 'Time since the pods of this node last changed', snapshotAgeSeconds);
  measure(
    'confirmed_age_seconds',
    'Time since the API server last confirmed the pods of this node',
    confirmedAgeSeconds,
  );
  measure('resident_memory_bytes', 'Resident memory of the node router', () => process.memoryUsage.rss());
  return {
    registry,
    pods: new Gauge({ ...named('pods', 'LB pods of this node, by state'), labelNames: ['state'] }),
    routes: new Gauge({
      ...named('routes', 'VIP prefixes: wanted, and blackholed after the last LB pod'),
      labelNames: ['state'],
    }),
    unusable: new Gauge(named('unreachable_nexthops', 'LB pods that this node has no interface to')),
    changes: new Counter(named('changes_total', 'Routes changed because LB pods changed')),
    mended: new Counter(named('mended_total', 'Routes that were missing or altered and were put right')),
    failures: new Counter({
      ...named('failures_total', "Requests that the kernel refused, by its error's name"),
      labelNames: ['code'],
    }),
    hashPolicy: new Gauge(named('multipath_hash_policy', 'net.ipv4.fib_multipath_hash_policy, 1 is needed')),
    changeSeconds: new Histogram({
      ...named('change_to_route_seconds', 'From a change of the pods being seen to the route'),
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    }),
  };
}
