/** The numbers that matter, in Prometheus' text format. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly reloads: Counter<'outcome'>;
  readonly reloadSeconds: Histogram<'step'>;
  readonly realServersWanted: Gauge;
  readonly realServersLive: Gauge;
  readonly drift: Counter;
  readonly kernelHolds: Gauge;
  readonly leaseSaysYes: Gauge;
  readonly keepalivedRestarts: Gauge;
  readonly networkMended: Counter;
  readonly conntrackEntries: Gauge;
  readonly conntrackLimit: Gauge;
  readonly conntrackInsertFailed: Gauge;
  readonly conntrackDropped: Gauge;
  readonly masqueradeShare: Gauge;
  /** What IPVS has carried towards real servers since the virtual service was made, as the kernel counts it. */
  readonly packets: Counter<'mark'>;
  readonly bytes: Counter<'mark'>;
  readonly connections: Counter<'mark'>;
}

export interface MetricsParts {
  /** Since the last snapshot was last confirmed, undefined before the first. */
  readonly snapshotAgeSeconds: () => number | undefined;
}

export function createMetrics({ snapshotAgeSeconds }: MetricsParts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `portable_lb_${name}`, help, registers });
  const counter = (name: string, help: string) =>
    new Counter({ name: `portable_lb_${name}`, help, registers });
  const traffic = (name: string, help: string) =>
    new Counter({ name: `portable_lb_${name}`, help, labelNames: ['mark'], registers });
  new Gauge({
    name: 'portable_lb_snapshot_age_seconds',
    help: 'Time since the endpoint source last confirmed what it gave; absent before it gave anything',
    registers,
    collect() {
      const age = snapshotAgeSeconds();
      if (age === undefined) this.remove();
      else this.set(age);
    },
  });
  new Gauge({
    name: 'portable_lb_resident_memory_bytes',
    help: 'Resident memory of the controller',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return {
    registry,
    reloads: new Counter({
      name: 'portable_lb_reloads_total',
      help: 'Configurations given to keepalived, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    reloadSeconds: new Histogram({
      name: 'portable_lb_reload_seconds',
      help: 'Duration of the steps of a reload',
      labelNames: ['step'],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers,
    }),
    realServersWanted: gauge('real_servers_wanted', 'Real servers in the configuration, draining ones too'),
    realServersLive: gauge('real_servers_live', 'Real servers with a weight that no health check took out'),
    drift: counter('drift_repaired_total', 'IPVS entries that were not as wanted and were repaired'),
    kernelHolds: gauge('kernel_holds_wanted', '1 while IPVS holds what is wanted'),
    leaseSaysYes: gauge('lease_announce', '1 while the lease says that the prefixes may be announced'),
    keepalivedRestarts: gauge('keepalived_restarts', 'Times that keepalived was started again after it died'),
    networkMended: counter(
      'network_mended_total',
      'Routes, rules and sysctls of the pod that were put right',
    ),
    conntrackEntries: gauge('conntrack_entries', "Connections in the pod's conntrack table"),
    conntrackLimit: gauge('conntrack_limit', 'Limit of conntrack entries'),
    conntrackInsertFailed: gauge('conntrack_insert_failed', 'Conntrack entries that could not be inserted'),
    conntrackDropped: gauge('conntrack_dropped', 'Packets dropped by conntrack because of its limit'),
    packets: traffic('packets_total', 'Packets from clients, by the mark of the virtual service'),
    bytes: traffic('bytes_total', 'Bytes from clients, by the mark of the virtual service'),
    connections: traffic('connections_total', 'Connections scheduled, by the mark of the virtual service'),
    masqueradeShare: gauge(
      'masquerade_port_share',
      "Busiest server's share of the masquerade port range, 0 to 1",
    ),
  };
}
