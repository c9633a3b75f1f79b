/**
 * What the demo prints: plain lines that stay, and on a terminal one status line that is rewritten while
 * something is waited for, so that a person sees that time passes and what for.
 */
export interface Screen {
  readonly width: number;
  title(number: number, text: string): void;
  line(text?: string): void;
  /** Text as a program gave it, indented. */
  block(text: string): void;
  /** Shows `what` and the seconds passed until the work is done; gives the work's result. */
  during<T>(what: string, work: Promise<T>): Promise<T>;
}

export function createScreen(write: (text: string) => void, terminal: { width: number } | undefined): Screen {
  const bold = (text: string) => (terminal ? `\x1b[1m${text}\x1b[0m` : text);
  const width = terminal?.width ?? 100;
  const line = (text = '') => write(`${text}\n`);
  return {
    width,
    line,
    title(number, text) {
      line();
      line(bold(`${number}. ${text}`));
    },
    block(text) {
      for (const each of text.trimEnd().split('\n')) line(`     ${each}`.trimEnd());
    },
    async during(what, work) {
      if (!terminal) return work;
      const startedAtMs = performance.now();
      const show = () => {
        const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
        write(`\r\x1b[K   … ${what} ${seconds} s`.slice(0, width));
      };
      const timer = setInterval(show, 200);
      try {
        return await work;
      } finally {
        clearInterval(timer);
        write('\r\x1b[K');
      }
    },
  };
}
