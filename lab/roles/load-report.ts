import type { LoadReport, RequestResult } from './client-api.ts';

export function summarize(results: RequestResult[], startedAtMs: number, endedAtMs: number): LoadReport {
  const failed = results.filter((result) => !isAnswered(result));
  const perServer: Record<string, number> = {};
  const perLbPod: Record<string, number> = {};
  const answers: number[] = [];
  for (const result of results) {
    if (!isAnswered(result)) continue;
    perServer[result.server] = (perServer[result.server] ?? 0) + 1;
    perLbPod[result.from] = (perLbPod[result.from] ?? 0) + 1;
    answers.push(result.startedAtMs + result.durationMs);
  }
  const moments = [startedAtMs, ...answers.sort((a, b) => a - b), endedAtMs];
  let longestGapMs = 0;
  for (let at = 1; at < moments.length; at++) {
    longestGapMs = Math.max(longestGapMs, (moments[at] as number) - (moments[at - 1] as number));
  }
  return { results, failed, perServer, perLbPod, longestGapMs };
}

export function isAnswered(result: RequestResult): boolean {
  return result.status >= 200 && result.status < 300 && result.error === undefined;
}
