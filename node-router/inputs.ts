/** watch: settings, and the pods where they say. */
import type { KubernetesClient } from '../common/kubernetes/client.ts';
import type { Logger } from '../common/log.ts';
import { type Problem, reasonOf } from '../common/problem.ts';
import { followSettings } from '../common/settings-file.ts';
import { type NodeRouterSettings, parseSettings } from './settings.ts';
import { watchPodFiles } from './watch/files.ts';
import { watchPodsOfNode } from './watch/kubernetes.ts';
import type { PodHandlers, PodSnapshot, PodSource } from './watch/source.ts';

/** What keeps an API client from being made is a file that a person puts there, or the kubelet. */
const reopenMs = 5_000;

export interface InputParts {
  readonly settingsFile: string;
  readonly nodeName: string;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** Throws a Problem when there is nothing to authenticate with. */
  openApi(): Promise<KubernetesClient>;
  onSettings(settings: NodeRouterSettings): void;
  onPods(snapshot: PodSnapshot): void;
  /** The API that the pods are read from now; undefined when they come from files. */
  onApi(client: KubernetesClient | undefined): void;
}

export interface Inputs {
  /** When the API server last confirmed the pods; undefined where they come from files, or it never did. */
  readonly confirmedAtMs: number | undefined;
  close(): Promise<void>;
}

export async function watchInputs(parts: InputParts): Promise<Inputs> {
  const { settingsFile, nodeName, log, nowMs } = parts;
  let source: PodSource | undefined;
  let followed: string | undefined;
  let reopening: NodeJS.Timeout | undefined;
  let switching: Promise<void> = Promise.resolve();
  let closed = false;

  const handlers: PodHandlers = {
    onSnapshot: parts.onPods,
    onFailure(problem) {
      if (problem === undefined) log.info('pods', {}, 'the LB pods of this node are read again');
      else log.error('pods', { code: problem.code }, problem.message);
    },
  };

  /** The last snapshot of the former source stays until the new one speaks. */
  const follow = async (pods: NodeRouterSettings['pods']) => {
    const wanted = pods.source === 'files' ? pods.files.directory : 'kubernetes';
    if (wanted === followed || closed) return;
    await source?.close();
    source = undefined;
    followed = undefined;
    if (pods.source === 'files') {
      parts.onApi(undefined);
      source = await watchPodFiles(pods.files.directory, handlers);
    } else {
      const client = await parts.openApi();
      parts.onApi(client);
      source = watchPodsOfNode({ client, nodeName, nowMs, ...handlers });
    }
    followed = wanted;
  };

  const switchTo = (pods: NodeRouterSettings['pods']) => {
    clearTimeout(reopening);
    switching = switching
      .then(() => follow(pods))
      .catch((error: unknown) => {
        handlers.onFailure({ code: (error as Partial<Problem>).code ?? 'none', message: reasonOf(error) });
        reopening = setTimeout(switchTo, reopenMs, pods).unref();
      });
  };

  const settings = await followSettings(settingsFile, parseSettings, {
    onSettings(read) {
      log.info('settings', describe(read), `settings read from ${settingsFile}`);
      parts.onSettings(read);
      switchTo(read.pods);
    },
    onRefused(problems) {
      for (const { code, message } of problems) log.error('settings', { code }, message);
    },
  });

  return {
    get confirmedAtMs() {
      return source?.confirmedAtMs;
    },
    async close() {
      closed = true;
      await settings.close();
      await switching;
      clearTimeout(reopening);
      await source?.close();
    },
  };
}

function describe({ allowedPrefixes, allowedNamespaces, blackholeSeconds, pods }: NodeRouterSettings) {
  const from = pods.source === 'files' ? pods.files.directory : 'the Kubernetes API';
  const allowed = allowedPrefixes.map((prefix) => prefix.text);
  return { allowedPrefixes: allowed, allowedNamespaces, blackholeSeconds, pods: from };
}
