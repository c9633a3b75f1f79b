/**
 * The kernel's word that something about links or routes changed. It makes the next verification come at once; what
 * is missed here is found by the one that comes every few seconds.
 *
 * `ip monitor` listens, in a process of its own. When more comes than is read in time, the kernel drops the rest and
 * reports ENOBUFS (af_netlink.c, netlink_overrun). npm's `netlink` then ends the whole program with no word to it
 * (binding.cc, PollHandler: an error made without the name of a call, which N-API refuses); `ip` tells it
 * (lib/libnetlink.c, rtnl_listen). Until its socket is read empty the kernel goes on dropping, and tells that no more:
 * so it is started anew.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from '../../common/log.ts';
import { type Problem, reasonOf } from '../../common/problem.ts';
import { type Backoff, nextBackoff } from '../core/backoff.ts';
import { problems } from '../errors.ts';

/** One line a message, numbers for names: people may name a protocol as they like. */
const monitor = ['ip', '-N', '-4', '-o', 'monitor', 'link', 'route'];
/** Until `ip` has opened its socket, which it does not tell. */
const openMs = 250;
/** What fails again before this is over belongs to what was told. */
const calmMs = 60_000;

export type KernelEvent =
  | { readonly kind: 'link' }
  | { readonly kind: 'route'; readonly prefix: string; readonly protocol: number | undefined }
  /** something was missed: anything may have changed */
  | { readonly kind: 'unknown' };

export interface EventParts {
  readonly log: Logger;
  readonly nowMs: () => number;
  onEvent(event: KernelEvent): void;
}

/** `command` writes a line for each change; started anew when it ends, and when it tells that it missed some. */
export function listenToKernel(parts: EventParts, command = monitor): { close(): void } {
  const { log, nowMs, onEvent } = parts;
  const toldAtMs = new Map<string, number>();
  let failing: Backoff | undefined;
  let stop: () => void;

  const tell = ({ code, message }: Problem) => {
    if (nowMs() - (toldAtMs.get(code) ?? Number.NEGATIVE_INFINITY) < calmMs) return;
    toldAtMs.set(code, nowMs());
    log.warn('kernel-events', { code }, message);
  };

  const start = () => {
    const startedAtMs = nowMs();
    const opened = setTimeout(onEvent, openMs, { kind: 'unknown' });
    const kill = run(command, {
      onLine: (line) => onEvent(readEvent(line)),
      onEnd(why) {
        clearTimeout(opened);
        tell(why);
        failing = nextBackoff(nowMs() - startedAtMs < calmMs ? failing : undefined, nowMs());
        const again = setTimeout(start, failing.retryAtMs - nowMs());
        stop = () => clearTimeout(again);
      },
    });
    stop = () => {
      clearTimeout(opened);
      kill();
    };
  };

  start();
  return { close: () => stop() };
}

interface RunHandlers {
  onLine(line: string): void;
  /** Once, and never before run() has returned. */
  onEnd(why: Problem): void;
}

/** Gives what ends it, without a further word. */
function run(command: readonly string[], { onLine, onEnd }: RunHandlers): () => void {
  let over = false;
  let lastWords = '';
  const unheard = (why: string) => end(problems.EVENTS_UNHEARD(command.join(' '), why));
  const end = (why: Problem) => {
    if (!over) onEnd(why);
    over = true;
  };
  try {
    const [program = '', ...args] = command;
    // detached: a Ctrl-C on this program's terminal is not for it; when this program is killed, its next line ends it
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child.on('error', (error) => unheard(reasonOf(error)));
    child.on('close', (code, signal) => unheard(signal ?? `exit code ${code}${lastWords}`));
    // no streams where the machine has no file left for them (EMFILE): the error comes next
    if (child.stdout) createInterface(child.stdout).on('line', (line) => over || onLine(line));
    if (child.stderr)
      createInterface(child.stderr).on('line', (line) => {
        lastWords = `: ${line}`;
        if (!line.includes('receive error')) return;
        child.kill();
        end(problems.EVENTS_MISSED(line));
      });
    return () => {
      over = true;
      child.kill();
    };
  } catch (error) {
    // the machine cannot make a process
    setImmediate(unheard, reasonOf(error));
    return () => {
      over = true;
    };
  }
}

function readEvent(line: string): KernelEvent {
  // 3: eth0: <UP> …
  if (/^(Deleted )?\d+: /.test(line)) return { kind: 'link' };
  // Deleted 6 203.0.113.0/28 proto 142 …: the type where it is not unicast; a host's route has no length
  const route = /^(?:\S+ ){0,2}?(default|\d+\.\d+\.\d+\.\d+)(\/\d+)? /;
  const [, address, length = '/32'] = route.exec(line) ?? [];
  if (address === undefined) return { kind: 'unknown' };
  const prefix = address === 'default' ? '0.0.0.0/0' : `${address}${length}`;
  const protocol = / proto (\d+) /.exec(line)?.[1];
  return { kind: 'route', prefix, protocol: protocol === undefined ? undefined : Number(protocol) };
}
