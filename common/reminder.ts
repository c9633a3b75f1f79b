/** Tells a text at once and then every `everyMs` for as long as it stays true; undefined: it is not true any more. */
export function createReminder(tell: (text: string) => void, everyMs: number, nowMs: () => number) {
  let last = '';
  let toldAtMs = -Infinity;
  return (text: string | undefined) => {
    if (text === undefined) {
      last = '';
      return;
    }
    if (text === last && nowMs() - toldAtMs < everyMs) return;
    tell(text);
    last = text;
    toldAtMs = nowMs();
  };
}
