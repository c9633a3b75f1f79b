/** A controller's log as a person reads it with `kubectl logs`. */
export interface LoggedLine {
  /** of the wall clock, ms */
  readonly atMs: number;
  readonly text: string;
}

export function readLog(text: string, events: readonly string[]): LoggedLine[] {
  return text
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as { time: string; level: string; event: string; msg: string }];
      } catch {
        return [];
      }
    })
    .filter(({ event }) => events.includes(event))
    .map(({ time, level, event, msg }) => ({
      atMs: Date.parse(time),
      text: `${time.slice(11, 23)} ${level} ${event}: ${msg}`,
    }));
}
