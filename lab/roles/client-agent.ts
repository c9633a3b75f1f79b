// Runs in a client's namespace and does what roles/client.ts asks over the IPC channel.
import { Agent } from 'node:http';
import { type Download, download, newConnection, now, request } from './agent-requests.ts';
import { connect, udp } from './agent-sockets.ts';
import type { LoadOptions, RequestResult } from './client-api.ts';

interface Running {
  results: RequestResult[];
  stop(): Promise<void>;
}

const defaultTimeoutMs = 5000;
const loads = new Map<number, Running>();
const downloads = new Map<number, Download>();
let numbers = 0;

async function requests(options: {
  urls: string[];
  count: number;
  concurrency?: number;
  timeoutMs?: number;
  address?: string;
}) {
  const { timeoutMs = defaultTimeoutMs, address } = options;
  const results: RequestResult[] = [];
  let next = 0;
  const worker = async () => {
    while (next < options.count) {
      const url = options.urls[next++ % options.urls.length] ?? '';
      results.push(await request(url, { timeoutMs, agent: newConnection(), address }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency ?? 16, options.count) }, worker));
  return results;
}

function startLoad(options: LoadOptions): number {
  const load = ++numbers;
  const { urls, ratePerSecond = 100, keepAliveConnections = 0, address } = options;
  const { timeoutMs = defaultTimeoutMs } = options;
  const agents = Array.from(
    { length: keepAliveConnections },
    () => new Agent({ keepAlive: true, maxSockets: 1 }),
  );
  const results: RequestResult[] = [];
  const open = new Set<Promise<void>>();
  const startedAtMs = now();
  let begun = 0;
  let skipped = 0;
  const begin = () => {
    const url = urls[begun % urls.length] ?? '';
    const agent = agents[begun % agents.length] ?? newConnection();
    begun++;
    const done = request(url, { timeoutMs, agent, address }).then((result) => {
      results.push(result);
      open.delete(done);
    });
    open.add(done);
  };
  // By the clock and not by the timer's ticks, which come late on a busy machine.
  const timer = setInterval(
    () => {
      const due = ((now() - startedAtMs) / 1000) * ratePerSecond - skipped;
      // What a machine that stood still missed is not made up for: it would be a burst that no client makes.
      skipped += Math.max(0, Math.floor(due - begun - ratePerSecond));
      while (begun < ((now() - startedAtMs) / 1000) * ratePerSecond - skipped) begin();
    },
    Math.max(2, 1000 / ratePerSecond),
  );
  const stop = async () => {
    clearInterval(timer);
    await Promise.all(open);
    for (const agent of agents) agent.destroy();
  };
  loads.set(load, { results, stop });
  return load;
}

function loadNumbered(load: number): Running {
  const running = loads.get(load);
  if (running === undefined) throw new Error(`there is no load ${load}`);
  return running;
}

// biome-ignore lint/suspicious/noExplicitAny: the types are those of roles/client.ts, which is the only caller.
const methods: Record<string, (argument: any) => unknown> = {
  get: ({ url, timeoutMs = defaultTimeoutMs, address }) =>
    request(url, { timeoutMs, agent: newConnection(), address }),
  requests,
  startLoad,
  progress: ({ load }) => {
    const { results } = loadNumbered(load);
    const failed = results.filter((result) => result.status < 200 || result.status > 299).length;
    return { answered: results.length - failed, failed };
  },
  stopLoad: async ({ load }) => {
    const running = loadNumbered(load);
    loads.delete(load);
    await running.stop();
    return running.results;
  },
  startDownload: ({ url }) => {
    const number = ++numbers;
    downloads.set(number, download(url));
    return number;
  },
  receivedBytes: ({ download: number }) => downloads.get(number)?.bytes ?? 0,
  finishDownload: ({ download: number }) => downloads.get(number)?.finished,
  connect,
  udp,
};

process.on(
  'message',
  async ({ call, method, argument }: { call: number; method: string; argument: unknown }) => {
    try {
      process.send?.({ call, value: await methods[method]?.(argument) });
    } catch (error) {
      process.send?.({ call, error: (error as Error).message });
    }
  },
);
process.on('disconnect', () => process.exit(0));
