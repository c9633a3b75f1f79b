/** Tells ExaBGP what is wanted, command by command, and sees to it that every established peer is told. */
import type { FaultKind } from '../speaker.ts';
import { sendAgain } from './commands.ts';
import type { Link } from './link.ts';
import type { Rib, Step } from './rib.ts';

export interface TellerDeadlines {
  /** an established peer must be told within this; then everything is sent again, then ExaBGP restarted */
  tellMs: number;
  /** a command that was refused is tried again after this */
  refusedMs: number;
}

export interface TellerParts {
  rib: Rib;
  link: Link;
  deadlines: TellerDeadlines;
  nowMs(): number;
  anyUp(): boolean;
  onFault(kind: FaultKind, why: string): void;
  onChange(): void;
  restart(): void;
}

export interface Teller {
  /** Begins to tell what is not told yet, unless it is at it already. */
  sync(): void;
  /** What was told is in doubt: all of it is to be said again, and sent to the peers again. */
  repeat(): void;
  /** Time has passed. */
  beat(): void;
}

export function createTeller(parts: TellerParts): Teller {
  const { rib, link, deadlines, nowMs } = parts;
  const refusedUntilMs = new Map<string, number>();
  let busy = false;
  let repeatDue = false;
  let untoldSinceMs: number | undefined;
  let repeated = false;

  function nextStep(): Step | undefined {
    if (!link.ready) return undefined;
    return rib.steps().find(({ command }) => (refusedUntilMs.get(command) ?? 0) <= nowMs());
  }

  async function tellAll(): Promise<void> {
    for (let step = nextStep(); step !== undefined; step = nextStep()) {
      rib.sending(step);
      const answer = await link.ask(step.command);
      if (answer === undefined) return;
      if (answer.ok) rib.accepted(step);
      else refused(step);
      parts.onChange();
    }
    if (!link.ready || !repeatDue || !parts.anyUp()) return;
    repeatDue = false;
    await link.ask(sendAgain);
  }

  function refused({ command }: Step): void {
    refusedUntilMs.set(command, nowMs() + deadlines.refusedMs);
    parts.onFault('command-refused', `it refused the command: ${command}`);
  }

  function sync(): void {
    if (busy) return;
    busy = true;
    void tellAll().finally(() => {
      busy = false;
      if (nextStep() !== undefined) sync();
    });
  }

  function repeat(): void {
    rib.doubtAll();
    repeatDue = true;
  }

  function checkTold(): void {
    const untold = rib.untold();
    if (untold === undefined) {
      untoldSinceMs = undefined;
      repeated = false;
      return;
    }
    untoldSinceMs ??= nowMs();
    if (nowMs() - untoldSinceMs < deadlines.tellMs) return;
    untoldSinceMs = nowMs();
    const remedy = repeated ? 'it is started again' : 'everything is sent again';
    parts.onFault('untold', `${untold} for ${deadlines.tellMs / 1_000} s: ${remedy}`);
    if (repeated) parts.restart();
    else repeat();
    repeated = true;
  }

  return {
    sync,
    repeat,
    beat() {
      checkTold();
      sync();
    },
  };
}
