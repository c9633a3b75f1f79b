import type { DestinationStream } from 'pino';

const headings = new Set(['time', 'level', 'program', 'event', 'msg']);

/** Turns pino's JSON lines into `08:41:02.123 info  reload  message  key=value`, for a person at a terminal. */
export function textStream(output: DestinationStream): DestinationStream {
  return { write: (line) => output.write(`${oneLine(formatLine(line))}\n`) };
}

function formatLine(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const time = String(entry.time).slice(11, 23);
  const level = String(entry.level).padEnd(5);
  const rest = Object.entries(entry)
    .filter(([name]) => !headings.has(name))
    .flatMap(([name, value]) => describeField(name, value));
  return [`${time} ${level}`, entry.event, entry.msg, ...(rest.length > 0 ? [rest.join(' ')] : [])].join(
    '  ',
  );
}

/** A daemon's output or an error may hold line ends and escape sequences: neither may forge a line or a colour. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** What is nested is for machines; the message says it to people. An error's words are kept. */
function describeField(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object')
    return [`${name}=${/\s/.test(String(value)) ? JSON.stringify(value) : value}`];
  const message = (value as { message?: unknown }).message;
  return typeof message === 'string' ? [`${name}=${JSON.stringify(message)}`] : [];
}
