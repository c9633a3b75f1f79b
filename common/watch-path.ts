import { basename, dirname, resolve, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { systemCode } from './problem.ts';

export interface Watcher {
  close(): Promise<void>;
}

/**
 * Within this time after a call further events wait for one call at its end. An event after quiet is told at once,
 * since every millisecond here is one in which a dead server still gets connections; a burst (one swap by the
 * kubelet is eight events) costs one call per this time. Callers compare contents: a call means "look again".
 */
const burstMs = 10;
/** where the user has no inotify watch left: they are counted over all containers of a machine */
const pollingMs = 500;

/**
 * Calls onChange after the file or directory `path` has changed: written, replaced by rename, removed, swapped by
 * the kubelet's `..data` link; also when it does not exist yet, or goes and comes again with its directory. Every
 * change is followed by a call that begins after it. Resolves once nothing that happens later is missed.
 */
export async function watchPath(path: string, onChange: () => void): Promise<Watcher> {
  const calls = coalesce(onChange);
  const target = resolve(path);
  let fallBack = () => {
    fallBack = () => undefined;
    current = current.then(async (exhausted) => {
      await exhausted.close();
      const polling = await observe(target, 'polling', calls.tell, fallBack);
      calls.tell();
      return polling;
    });
  };
  let current = observe(target, 'native', calls.tell, () => fallBack());
  for (let ready: typeof current | undefined; ready !== current; ) {
    ready = current;
    await ready;
  }
  return {
    async close() {
      calls.stop();
      await (await current).close();
    },
  };
}

function observe(
  target: string,
  backend: 'native' | 'polling',
  tell: () => void,
  onExhausted: () => void,
): Promise<FSWatcher> {
  // the directory: a file of a ConfigMap changes when ..data beside it does, of which the file itself tells nothing
  const watcher = watch(dirname(target), {
    backend,
    pollingInterval: pollingMs,
    ignoreInitial: true,
    ignorePermissionErrors: true,
    // its 100 ms of patience with a removed file is for editors; whoever reads here has a patience of its own
    atomic: false,
    ignored: (path) => !concerns(target, path),
  });
  watcher.on('all', tell);
  watcher.on('error', (error) => {
    if (['ENOSPC', 'EMFILE'].includes(systemCode(error) ?? '')) onExhausted();
    else tell();
  });
  return new Promise((ready) => watcher.once('ready', () => ready(watcher)));
}

/** The target, what is in it, and what leads to it; not the temporary files of writers (writeFileAtomic's). */
function concerns(target: string, path: string): boolean {
  if (path === target || path === dirname(target) || target.startsWith(path + sep)) return true;
  const inside =
    path.startsWith(target + sep) || (dirname(path) === dirname(target) && basename(path) === '..data');
  return inside && !/^\.[^.]/.test(basename(path));
}

function coalesce(call: () => void): { tell(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let again = false;
  let stopped = false;
  function tell(): void {
    if (stopped) return;
    again = timer !== undefined;
    if (again) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (again) tell();
    }, burstMs);
    call();
  }
  return {
    tell,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
