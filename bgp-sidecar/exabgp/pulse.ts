/** What is looked at again and again while ExaBGP runs. */
import type { Logger } from '../../common/log.ts';
import { reasonOf } from '../../common/problem.ts';
import { createReminder } from '../../common/reminder.ts';
import type { Configuration } from './configuration.ts';
import type { Link } from './link.ts';
import type { Sessions } from './sessions.ts';
import type { Teller } from './teller.ts';

export interface PulseDeadlines {
  beatMs: number;
  askSessionsMs: number;
  /**
   * Without any session: a fresh ExaBGP tries all peers at once. An old one waits up to 60 s for those that refuse, or
   * where starter.ts could not mend that; and it may have given them up unsaid.
   */
  noSessionMs: number;
}

export interface PulseParts {
  deadlines: PulseDeadlines;
  log: Logger;
  nowMs(): number;
  link: Link;
  sessions: Sessions;
  teller: Teller;
  configuration: Configuration;
  /** ExaBGP is to be started afresh. */
  onNoSession(): void;
}

export interface Pulse {
  begin(): void;
  /** ExaBGP was started. */
  refresh(): void;
  end(): void;
}

const remindEveryMs = 60_000;

export function createPulse(parts: PulseParts): Pulse {
  const { deadlines, log, nowMs, link, sessions, teller, configuration } = parts;
  const notConfigured = createReminder((why) => log.error('speaker', {}, why), remindEveryMs, nowMs);
  let timer: NodeJS.Timeout | undefined;
  let askedSessionsAtMs = 0;
  let noSessionSinceMs = 0;
  /** since a session was up last */
  let restartTold = false;

  async function configure(): Promise<void> {
    try {
      await configuration.beat();
      notConfigured(undefined);
    } catch (error) {
      notConfigured(reasonOf(error));
    }
  }

  function beat(): void {
    const now = nowMs();
    link.beat();
    void configure();
    if (sessions.anyUp) {
      noSessionSinceMs = now;
      restartTold = false;
    }
    if (!link.ready) return;
    if (now - noSessionSinceMs > deadlines.noSessionMs) {
      noSessionSinceMs = now;
      const seconds = deadlines.noSessionMs / 1_000;
      const why = `no session for ${seconds} s: ExaBGP is started again every ${seconds} s until there is one, since a fresh one tries at once`;
      log[restartTold ? 'debug' : 'info']('speaker', {}, why);
      restartTold = true;
      parts.onNoSession();
      return;
    }
    teller.beat();
    if (now - askedSessionsAtMs < deadlines.askSessionsMs) return;
    askedSessionsAtMs = now;
    void link.askSessions();
  }

  return {
    begin() {
      timer ??= setInterval(beat, deadlines.beatMs);
    },
    refresh() {
      noSessionSinceMs = nowMs();
    },
    end: () => clearInterval(timer),
  };
}
