/**
 * keepalived's own output, line by line: how loud each line is for the reader of the log, and the lines from
 * which the supervisor knows how far keepalived is. The words are the same in 2.2.7 and 2.3.3.
 */
import type { Level } from '../../common/log.ts';

export type Milestone =
  /** main.c, check_daemon.c: the checker child was forked; it will read the configuration and fill the kernel. */
  | { readonly kind: 'child-started'; readonly pid: number }
  | { readonly kind: 'child-died'; readonly pid: number }
  /** config_notify.c: the child said that its rules are in the kernel (init_services comes before). */
  | { readonly kind: 'loaded' }
  /** main.c: the parent keeps the old configuration. */
  | { readonly kind: 'reload-refused' };

export interface OutputLine {
  readonly message: string;
  readonly level: Level;
  readonly milestone?: Milestone;
}

// logger.c: strftime "%c" of the C locale, then ": "
const timestamp = /^\w{3} \w{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}: /;

const milestones: readonly [RegExp, (pid: number) => Milestone][] = [
  [/^Starting Healthcheck child process, pid=(\d+)/, (pid) => ({ kind: 'child-started', pid })],
  [/^Healthcheck child process\((\d+)\) died/, (pid) => ({ kind: 'child-died', pid })],
  // A respawned child was not asked for by the parent, which wonders about the count: it has loaded all the same.
  [/^(?:Startup|Reload) complete|^read eventfd count/, () => ({ kind: 'loaded' })],
  [/^New config failed validation|please restart keepalived/, () => ({ kind: 'reload-refused' })],
];

/** First match counts. What a person need not see at 3 a.m. is debug; what a check or the kernel says is not. */
const levels: readonly [RegExp, Level][] = [
  [/already exists\(17\)|does not exist\(2\)|read eventfd count|Script user 'keepalived_script'/, 'debug'],
  [
    /Please log an issue|and include a full copy|copies of the keepalived system log|delayed 0 seconds/,
    'debug',
  ],
  [/Can't initialize ipvs|permanent error|missing permission|daemon is already running|SIGSEGV/i, 'error'],
  [
    /^(?:Removing|Disabling) service|^Lost quorum|died|exited|error|fail|unable|cannot|can't|warning/i,
    'warn',
  ],
  [/^(?:Adding|Enabling) service|^Gained quorum|^Changing weight|^Stopp|delayed \d+ seconds/, 'info'],
];

/** One for each server at each reload: hundreds of lines that nobody reads. */
const commonest = 'Activating healthchecker for ';

/** `busy`: keepalived is starting or reloading; what it says of servers then is the configuration's doing. */
export function readOutputLine(raw: string, state: 'busy' | 'idle'): OutputLine {
  const message = raw.replace(timestamp, '').trimEnd();
  if (message.startsWith(commonest)) return { message, level: 'debug' };
  const level = levels.find(([words]) => words.test(message))?.[1] ?? 'debug';
  const told = state === 'busy' && configuring.test(message) ? 'debug' : level;
  for (const [words, make] of milestones) {
    const match = words.exec(message);
    if (match) return { message, level: told, milestone: make(Number(match[1])) };
  }
  return { message, level: told };
}

const configuring = /^(?:Removing|Disabling|Adding|Enabling) service|quorum|^Changing weight/i;
