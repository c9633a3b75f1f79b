import type { WrkResult } from './client-api.ts';

const units: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** The figures in what wrk prints. */
export function parseWrk(output: string): WrkResult {
  const requestsPerSecond = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  if (requestsPerSecond === undefined) throw new Error(`wrk printed no result:\n${output}`);
  const transfer = /Transfer\/sec:\s+([\d.]+)(B|KB|MB|GB)/.exec(output);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  return {
    requestsPerSecond: Number(requestsPerSecond),
    bytesPerSecond: Number(transfer?.[1] ?? 0) * (units[transfer?.[2] ?? 'B'] ?? 1),
    requests: Number(/(\d+) requests in/.exec(output)?.[1] ?? 0),
    socketErrors: (errors?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0),
    non2xx: Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0),
    output,
  };
}
