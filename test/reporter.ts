import { writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import Mocha from 'mocha';

type Explain = () => string;
const explanations: Explain[] = [];

/** What else to print when a test fails, at the moment of its failure: before any afterEach has cleaned up. */
export function explainFailures(explain: Explain): void {
  explanations.push(explain);
}

const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Mocha.Runner.constants;

/** One line per test, a failure with its reason right below it, and the counts with the failures in a file for who adds them up. */
export default class Lines {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    const { counts: file } = (options.reporterOptions ?? {}) as { counts?: string };
    const counts = { passed: 0, failed: 0, skipped: 0, failures: [] as string[], finished: false };
    const save = () => {
      if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    };
    runner.on(EVENT_TEST_PASS, (test) => {
      counts.passed++;
      save();
      console.log(`  ✓ ${titleOf(test)} (${duration(test.duration ?? 0)})`);
    });
    runner.on(EVENT_TEST_FAIL, (test, error: Error) => {
      counts.failed++;
      counts.failures.push(`${titleOf(test)}\n${indent(error.message.slice(0, 500))}`);
      save();
      console.log(`  ✗ ${titleOf(test)}\n${indent(describe(error))}`);
      for (const explain of explanations) console.log(indent(explain()));
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      counts.skipped++;
      console.log(`  - ${titleOf(test)} (skipped)`);
    });
    runner.on(EVENT_RUN_END, () => {
      counts.finished = true;
      save();
      const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
      console.log(`  ${counts.passed} passed, ${counts.failed} failed${skipped}`);
    });
  }
}

function titleOf(test: Mocha.Runnable): string {
  return test
    .titlePath()
    .join(': ')
    .replaceAll(/\s*@\w+/g, '');
}

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function describe(error: Error & { expected?: unknown; actual?: unknown }): string {
  const stack = error.stack ?? String(error);
  if (error.expected === undefined && error.actual === undefined) return stack;
  const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, undefined, 1));
  return `${stack}\nexpected: ${show(error.expected)}\nactual:   ${show(error.actual)}`;
}

function indent(text: string): string {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
}
