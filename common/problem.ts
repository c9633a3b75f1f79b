/** An error that a person can act on: its message says what happened, to what, and what to do. */
export class Problem extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Problem';
    this.code = code;
  }
}

type Wording = (...args: never[]) => string;
type ProblemTable<T extends Record<string, Wording>> = {
  readonly [Code in keyof T & string]: (...args: Parameters<T[Code]>) => Problem;
};

/** One table of coded errors per program: `{ CODE: (what) => 'message' }` gives `{ CODE: (what) => Problem }`. */
export function problemTable<T extends Record<string, Wording>>(table: T): ProblemTable<T> {
  const makers: Record<string, (...args: never[]) => Problem> = {};
  for (const [code, wording] of Object.entries(table)) {
    makers[code] = (...args) => new Problem(code, wording(...args));
  }
  return makers as unknown as ProblemTable<T>;
}

/** The words of whatever was thrown, for the end of a message. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of a system error (`ENOENT`, `ENOSPC`, …), if it is one. */
export function systemCode(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
