import { type DestinationStream, destination, type Logger as Pino, pino, stdTimeFunctions } from 'pino';
import { textStream } from './log-text.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';
export type Fields = Record<string, unknown>;
type Write = (event: string, fields: object, message: string) => void;

export interface Logger extends Record<Level, Write> {
  child(fields: Fields): Logger;
}

export interface LoggerOptions {
  program: string;
  level?: Level;
  /** default: text on a terminal, else JSON */
  format?: LogFormat;
  /** default: standard output, written at once so that the last line of a crash is not lost */
  stream?: DestinationStream;
}

export function createLogger({ program, level, format, stream }: LoggerOptions): Logger {
  const chosen = format ?? (stream === undefined && process.stdout.isTTY ? 'text' : 'json');
  const output = stream ?? destination({ fd: 1, sync: true });
  const log = pino(
    {
      level: level ?? 'info',
      base: { program },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    chosen === 'text' ? textStream(output) : output,
  );
  return wrap(log);
}

function wrap(log: Pino): Logger {
  const at =
    (level: Level): Write =>
    (event, fields, message) =>
      log[level]({ event, ...speakable(fields) }, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(log.child(speakable(fields))),
  };
}

const reserved = new Set(['time', 'level', 'program', 'event', 'msg']);

/** JSON makes `{}` of an Error; a field may not stand twice in one line. */
function speakable(fields: object): Fields {
  const spoken: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    const key = reserved.has(name) ? `${name}_` : name;
    spoken[key] =
      value instanceof Error ? { message: value.message, code: codeOf(value), stack: value.stack } : value;
  }
  return spoken;
}

function codeOf(error: Error): unknown {
  return (error as { code?: unknown }).code;
}
