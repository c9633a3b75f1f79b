import type { BenchResult, Row, Section } from './result.ts';

const columns = ['n', 'mean', 'p50', 'p99', 'max'] as const;

/** A section as it is printed when it is done. */
export function sectionText(section: Section): string {
  const head = ['', ...columns, 'unit', 'goal'];
  const rows = [head, ...section.rows.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const isNumber = column >= 1 && column <= columns.length;
        return isNumber ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
  const notes = section.rows.flatMap((row) => (row.note === undefined ? [] : [`  ${row.what}: ${row.note}`]));
  return [`${section.title}`, `  ${section.how}`, '', ...lines.map((line) => `  ${line}`), ...notes, ''].join(
    '\n',
  );
}

function cellsOf({ what, figures, unit, goal }: Row): string[] {
  const numbers =
    'value' in figures
      ? ['', number(figures.value), '', '', '']
      : columns.map((column) => number(figures[column]));
  const told = goal === undefined ? '' : `${goal.isMet ? 'met   ' : 'MISSED'} ${goal.text}`;
  return [what, ...numbers, unit, told];
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

export function summaryText({ goals, durationSeconds, size, loadAverage }: BenchResult): string {
  const load = loadAverage.map((value) => value.toFixed(1)).join(' before, ');
  return [
    `${size} bench: ${durationSeconds} s; load ${load} after; ${goals.met} goals met, ${goals.missed.length} missed`,
    ...goals.missed.map((missed) => `  MISSED ${missed}`),
  ].join('\n');
}
