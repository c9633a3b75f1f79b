/**
 * What became of the requests while routes changed. Under NAT a flow that the router moves to another LB pod breaks,
 * so a request may fail only if it was under way when its route changed, or if it met an LB pod that was dead and
 * not yet gone from the route. Every other failure is a fault.
 */
import { expect } from 'chai';
import type { LoadReport, RequestResult, RouteChange } from '../../../lab/api.ts';

/** Between these moments a route changed, or led to a dead LB pod. */
export interface Unrest {
  fromMs: number;
  toMs: number;
  why: string;
}

/** The lab hears of a change of the kernel's routes a little later than it happens. */
const lagMs = 1_000;

export function unrestOf(changes: RouteChange[]): Unrest[] {
  return changes.map(({ atMs, nextHops }) => ({
    fromMs: atMs - lagMs,
    toMs: atMs,
    why: `next-hops ${nextHops.join(', ') || '(none)'}`,
  }));
}

export function wasUnderWay({ startedAtMs, durationMs }: RequestResult, { fromMs, toMs }: Unrest): boolean {
  return startedAtMs <= toMs && startedAtMs + durationMs >= fromMs;
}

export function describeRequest({ url, startedAtMs, durationMs, error, status }: RequestResult): string {
  const ms = (value: number) => `${Math.round(value)} ms`;
  return `${url} begun at ${ms(startedAtMs)}, ${error ?? `status ${status}`} after ${ms(durationMs)}`;
}

/** No request failed that was not under way in a time of unrest. */
export function expectCalm(report: LoadReport, unrest: Unrest[]): void {
  const strays = report.failed.filter((result) => !unrest.some((each) => wasUnderWay(result, each)));
  const when = unrest.map(({ fromMs, toMs, why }) => `${Math.round(fromMs)}–${Math.round(toMs)}: ${why}`);
  expect(
    strays.map(describeRequest),
    `requests failed outside of ${when.join('; ') || 'any change'}`,
  ).to.deep.equal([]);
}

export function expectNoneFailed(report: LoadReport): void {
  expectCalm(report, []);
}

/**
 * One next-hop more or fewer moves at most half of the flows (RFC 2992, 3: hash-threshold), and only those open at
 * that moment can break by it. Two are allowed beyond half, since few are open at once. Gives how many broke.
 */
export function expectFewMoved(report: LoadReport, changes: RouteChange[]): number {
  const unrest = unrestOf(changes);
  for (const each of unrest) {
    const changesMeanwhile = unrest.filter(({ toMs }) => toMs >= each.fromMs && toMs <= each.toMs).length;
    expectFewBroken(report, each, changesMeanwhile);
  }
  return report.failed.filter((result) => unrest.some((each) => wasUnderWay(result, each))).length;
}

/** @param changes that moved flows within this time */
export function expectFewBroken(report: LoadReport, unrest: Unrest, changes = 1): void {
  const open = mostOpen(report.results.filter((result) => wasUnderWay(result, unrest)));
  const failed = report.failed.filter((result) => wasUnderWay(result, unrest));
  const bound = (Math.ceil(open / 2) + 2) * changes;
  expect(failed.length, `requests broken by ${unrest.why}, at most ${open} open at once`).to.be.at.most(
    bound,
  );
}

/** Requests failed only as a moved flow breaks, and no more of them than the hash moves. */
export function expectOnlyMoved(report: LoadReport, changes: RouteChange[]): void {
  expectCalm(report, unrestOf(changes));
  expectFewMoved(report, changes);
}

/** The most requests that were open at one moment. */
export function mostOpen(results: RequestResult[]): number {
  const moments = results.flatMap(({ startedAtMs, durationMs }) => [
    { atMs: startedAtMs, by: 1 },
    { atMs: startedAtMs + durationMs, by: -1 },
  ]);
  let open = 0;
  let most = 0;
  for (const { by } of moments.sort((a, b) => a.atMs - b.atMs)) {
    open += by;
    most = Math.max(most, open);
  }
  return most;
}

/** Each of these had at least its share of the answers: `least` of an even one. */
export function expectSpread(counts: Record<string, number>, names: string[], least = 0.4): void {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  expect(Object.keys(counts).sort()).to.deep.equal([...names].sort());
  for (const name of names) {
    expect(counts[name], `answers of ${name} in ${JSON.stringify(counts)}`).to.be.at.least(
      (all / names.length) * least,
    );
  }
}
