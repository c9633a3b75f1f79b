import type { Distribution } from './distribution.ts';

/** A figure beside its goal. A goal that is missed is marked, it does not fail the command. */
export interface Goal {
  text: string;
  limit: number;
  value: number;
  isMet: boolean;
}

export interface Row {
  what: string;
  unit: 'ms' | 'MB' | 'lines' | 'bytes' | '%';
  figures: Distribution | { value: number };
  goal?: Goal;
  note?: string;
}

/** One part of the bench. */
export interface Section {
  title: string;
  /** How it was measured, in a sentence or two. */
  how: string;
  rows: Row[];
  /** Every sample, for whoever wants another figure than those printed. */
  samples: Record<string, number[]>;
}

/** What the sections share. */
export interface BenchResult {
  version: 1;
  kernel: string;
  startedAt: string;
  durationSeconds: number;
  size: 'quick' | 'full';
  /** 1-minute load of this kernel before the first and after the last section. */
  loadAverage: [number, number];
  sections: Section[];
  goals: { met: number; missed: string[] };
}

export function below(text: string, limit: number, value: number): Goal {
  return { text, limit, value, isMet: value < limit };
}

export function atMost(text: string, limit: number, value: number): Goal {
  return { text, limit, value, isMet: value <= limit };
}

export function goalsOf(sections: readonly Section[]): BenchResult['goals'] {
  const rows = sections.flatMap((section) => section.rows);
  const goals = rows.flatMap(({ what, goal }) => (goal === undefined ? [] : [{ what, ...goal }]));
  return {
    met: goals.filter((goal) => goal.isMet).length,
    missed: goals
      .filter((goal) => !goal.isMet)
      .map((goal) => `${goal.what.trim()}: ${goal.value}, ${goal.text}`),
  };
}
