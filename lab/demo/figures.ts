/** Every figure that the demo claims, held against what it must be: the demo fails with the names of those that do not hold. */
import type { Screen } from './screen.ts';

export interface Figure {
  readonly name: string;
  readonly value: string;
  /** What it must be, in words. */
  readonly wanted: string;
  readonly holds: boolean;
  /** The thesis' own figure for the same, where it has one. */
  readonly thesis: string;
}

export interface Figures {
  /** Notes a figure and prints it. */
  check(name: string, value: string, wanted: string, holds: boolean, thesis?: string): void;
  /** A figure that has no bound: noted for the summary. */
  note(name: string, value: string, thesis?: string): void;
  readonly failed: readonly Figure[];
  summary(): void;
}

export function createFigures(screen: Screen): Figures {
  const all: Figure[] = [];
  const add = (figure: Figure) => {
    all.push(figure);
    const bound = figure.wanted === '' ? '' : `  (wanted: ${figure.wanted})`;
    screen.line(`   ${sign(figure)} ${figure.name}: ${figure.value}${bound}`);
  };
  return {
    check: (name, value, wanted, holds, thesis = '') => add({ name, value, wanted, holds, thesis }),
    note: (name, value, thesis = '') => add({ name, value, wanted: '', holds: true, thesis }),
    get failed() {
      return all.filter(({ holds }) => !holds);
    },
    summary() {
      const columns = all.map((figure) => [
        `${sign(figure)} ${figure.name}`,
        figure.value,
        figure.thesis || '–',
      ]);
      const rows = [['figure', 'here', 'thesis'], ...columns];
      const widths = [0, 1].map((column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
      for (const [name = '', value = '', thesis = ''] of rows)
        screen.line(`   ${name.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${thesis}`);
    },
  };
}

/** A figure without a bound neither holds nor fails. */
function sign({ wanted, holds }: Figure): string {
  if (wanted === '') return '·';
  return holds ? '✓' : '✗';
}

export function ms(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
