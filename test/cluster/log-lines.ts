/** Lines of the pair's logs as objects; what is no line of theirs is left out. */
export interface LogLine {
  level: string;
  time: string;
  event: string;
  msg: string;
}

export function logLines(text: string): LogLine[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}
