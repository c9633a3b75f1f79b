/** The numbers that matter, in Prometheus' text format. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { SpeakerStatus } from './speaker.ts';

export interface Metrics {
  readonly registry: Registry;
  /** Changes of what is wanted, by the new phase. */
  readonly transitions: Counter<'to'>;
  /** by SessionChange */
  readonly sessionChanges: Counter<'peer' | 'to'>;
  /** by FaultKind */
  readonly faults: Counter<'kind'>;
  readonly leaseTorn: Counter;
}

export interface MetricsParts {
  status(): SpeakerStatus;
  leaseAgeSeconds(): number | undefined;
}

const states = ['announced', 'last-resort', 'withdrawn'];

export function createMetrics({ status, leaseAgeSeconds }: MetricsParts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const named = (name: string, help: string) => ({ name: `portable_lb_bgp_${name}`, help, registers });
  new Gauge({
    ...named('sessions_up', 'Whether the session with the peer is established'),
    labelNames: ['peer'],
    collect() {
      this.reset();
      for (const [peer, { up }] of Object.entries(status().peers)) this.set({ peer }, up ? 1 : 0);
    },
  });
  new Gauge({
    ...named('prefixes', 'VIP prefixes by what the peers were told of them'),
    labelNames: ['state'],
    collect() {
      const held = Object.values(status().prefixes);
      for (const state of states) this.set({ state }, held.filter((each) => each === state).length);
    },
  });
  new Gauge({
    ...named('settled', 'Whether every established peer was told what is wanted'),
    collect() {
      this.set(status().unsettled === undefined ? 1 : 0);
    },
  });
  new Gauge({
    ...named('lease_age_seconds', 'Time since the lease was renewed'),
    collect() {
      const age = leaseAgeSeconds();
      if (age !== undefined) this.set(age);
    },
  });
  new Gauge({
    ...named('resident_memory_bytes', 'Resident memory of the sidecar without ExaBGP'),
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return {
    registry,
    transitions: new Counter({
      ...named('transitions_total', 'Changes of what is wanted of the prefixes, by the new phase'),
      labelNames: ['to'],
    }),
    sessionChanges: new Counter({
      ...named(
        'session_changes_total',
        'Sessions that came up or went down, and attempts at one that failed',
      ),
      labelNames: ['peer', 'to'],
    }),
    faults: new Counter({
      ...named('faults_total', 'Faults of the speaker that were mended, by kind'),
      labelNames: ['kind'],
    }),
    leaseTorn: new Counter(named('lease_torn_total', 'Times the lease became unreadable')),
  };
}
