/** watch: the endpoints where the settings in force say; another Service or directory needs another source. */
import type { KubernetesClient } from '../common/kubernetes/client.ts';
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import type { Settings } from '../common/settings.ts';
import type { Snapshot } from './core/types.ts';
import { createFilesSource } from './watch/files.ts';
import { createKubernetesSource } from './watch/kubernetes.ts';
import type { EndpointSource } from './watch/source.ts';

export interface FollowedEndpoints {
  /** Called when settings are in force, not when they are merely read: refused ones must not move the source. */
  follow(settings: Settings): void;
  /** Time since the source last confirmed what it gave; undefined before it gave anything. */
  ageSeconds(): number | undefined;
  /** Tells every minute that the snapshot is old, for as long as it is. */
  remind(): void;
  stop(): Promise<void>;
}

export type MakeSource = (settings: Settings) => EndpointSource;

export interface FollowedEndpointsParts {
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  readonly makeSource: MakeSource;
}

/** API servers confirm once a minute that nothing happened. */
const oldMs = 150_000;
const remindEveryMs = 60_000;

export function makeSource(openKubernetes: () => Promise<KubernetesClient>): MakeSource {
  return ({ service, endpoints }) =>
    endpoints.source === 'kubernetes'
      ? createKubernetesSource({ selection: service, open: openKubernetes })
      : createFilesSource({ directory: endpoints.files.directory, service });
}

export function followEndpoints(parts: FollowedEndpointsParts): FollowedEndpoints {
  const { log, nowMs, onSnapshot } = parts;
  let source: EndpointSource | undefined;
  let followed = '';
  let switching: Promise<void> = Promise.resolve();
  let failingSinceMs: number | undefined;
  let remindedAtMs = nowMs();

  const ageMs = () => (source?.confirmedAtMs === undefined ? undefined : nowMs() - source.confirmedAtMs);
  const seconds = (ms: number) => Math.round(ms / 1000);

  /** The old one's last snapshot stays until the new one speaks. */
  const change = async (settings: Settings) => {
    await source?.stop();
    failingSinceMs = undefined;
    source = parts.makeSource(settings);
    await source.start(
      onSnapshot,
      ({ code, message }) => {
        failingSinceMs ??= nowMs();
        remindedAtMs = nowMs();
        log.error('endpoints', { code, ...ageField() }, message);
      },
      () => {
        const lastedSeconds = seconds(nowMs() - (failingSinceMs ?? nowMs()));
        failingSinceMs = undefined;
        log.info(
          'endpoints',
          { lastedSeconds },
          `the endpoint source answers again after ${lastedSeconds} s; the snapshot is current`,
        );
      },
    );
  };

  const ageField = () => {
    const ms = ageMs();
    return ms === undefined ? {} : { snapshotAgeSeconds: seconds(ms) };
  };

  return {
    follow(settings) {
      const key = JSON.stringify([settings.service, settings.endpoints]);
      if (key === followed) return;
      followed = key;
      switching = switching
        .then(() => change(settings))
        .catch((error: Error) => log.error('endpoints', { error }, reasonOf(error)));
    },
    ageSeconds() {
      const ms = ageMs();
      return ms === undefined ? undefined : ms / 1000;
    },
    remind() {
      const ms = ageMs();
      const old =
        ms === undefined ? failingSinceMs !== undefined : ms > oldMs || failingSinceMs !== undefined;
      if (!old || nowMs() - remindedAtMs < remindEveryMs) return;
      remindedAtMs = nowMs();
      const text =
        ms === undefined
          ? 'the endpoint source has not told anything yet: nothing is announced'
          : `the endpoint source has confirmed nothing for ${seconds(ms)} s: the rules stay as they were then, health checks go on; see the last error of endpoints above`;
      log.warn('endpoints', ageField(), text);
    },
    async stop() {
      await switching;
      await source?.stop();
    },
  };
}
