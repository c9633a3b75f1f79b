// Runs in a client's namespace and does what roles/client.ts asks over the IPC channel.
import { createSocket } from 'node:dgram';
import { Agent, get as httpGet } from 'node:http';
import { connect as tcpConnect } from 'node:net';
import type { LoadOptions, RequestResult } from './client-api.ts';

interface Running {
  results: RequestResult[];
  stop(): Promise<void>;
}
interface Download {
  bytes: number;
  finished: Promise<{ bytes: number; complete: boolean; error?: string }>;
}

const defaultTimeoutMs = 5000;
const loads = new Map<number, Running>();
const downloads = new Map<number, Download>();
let numbers = 0;

// Each connection on a source port of its own: no Agent keeps it.
const newConnection = () => new Agent({ keepAlive: false });

/** CLOCK_MONOTONIC: the same in this process and in the lab's, whatever happens to the wall clock. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function request(url: string, timeoutMs: number, agent: Agent): Promise<RequestResult> {
  const startedAtMs = now();
  return new Promise((resolve) => {
    const finish = (part: Partial<RequestResult>) => {
      clearTimeout(timer);
      resolve({
        url,
        startedAtMs,
        durationMs: now() - startedAtMs,
        status: 0,
        body: '',
        server: '',
        from: '',
        port: 0,
        ...part,
      });
    };
    const timer = setTimeout(() => {
      finish({ error: 'timeout' });
      sent.destroy();
    }, timeoutMs);
    const sent = httpGet(url, { agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        const [, server = '', from = '', port = '0'] = /^(\S+) (\S+) (\d+)\n$/.exec(body) ?? [];
        finish({ status: response.statusCode ?? 0, body, server, from, port: Number(port) });
      });
      response.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? error.message }));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? error.message }));
  });
}

async function requests(options: {
  urls: string[];
  count: number;
  concurrency?: number;
  timeoutMs?: number;
}) {
  const results: RequestResult[] = [];
  let next = 0;
  const worker = async () => {
    while (next < options.count) {
      const url = options.urls[next++ % options.urls.length] ?? '';
      results.push(await request(url, options.timeoutMs ?? defaultTimeoutMs, newConnection()));
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency ?? 16, options.count) }, worker));
  return results;
}

function startLoad(options: LoadOptions): number {
  const load = ++numbers;
  const { urls, ratePerSecond = 100, keepAliveConnections = 0, timeoutMs = defaultTimeoutMs } = options;
  const agents = Array.from(
    { length: keepAliveConnections },
    () => new Agent({ keepAlive: true, maxSockets: 1 }),
  );
  const results: RequestResult[] = [];
  const open = new Set<Promise<void>>();
  const startedAtMs = now();
  let begun = 0;
  const begin = () => {
    const url = urls[begun % urls.length] ?? '';
    const agent = agents[begun % agents.length] ?? newConnection();
    begun++;
    const done = request(url, timeoutMs, agent).then((result) => {
      results.push(result);
      open.delete(done);
    });
    open.add(done);
  };
  // By the clock and not by the timer's ticks, which come late on a busy machine.
  const timer = setInterval(
    () => {
      while (begun < ((now() - startedAtMs) / 1000) * ratePerSecond) begin();
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

function startDownload({ url }: { url: string }): number {
  const number = ++numbers;
  const download: Download = { bytes: 0, finished: Promise.resolve({ bytes: 0, complete: false }) };
  download.finished = new Promise((resolve) => {
    const finish = (error?: string) =>
      resolve({
        bytes: download.bytes,
        complete: error === undefined,
        ...(error === undefined ? {} : { error }),
      });
    const sent = httpGet(url, { agent: newConnection() }, (response) => {
      const wanted = Number(response.headers['content-length'] ?? -1);
      response.on('data', (chunk: Buffer) => {
        download.bytes += chunk.length;
      });
      response.on('end', () => {
        const problem =
          response.statusCode !== 200
            ? `status ${response.statusCode}`
            : `${download.bytes} of ${wanted} bytes`;
        finish(response.statusCode === 200 && download.bytes === wanted ? undefined : problem);
      });
      response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
  downloads.set(number, download);
  return number;
}

function connect({
  address,
  port,
  timeoutMs,
}: {
  address: string;
  port: number;
  timeoutMs: number;
}): Promise<string> {
  return new Promise((resolve) => {
    const socket = tcpConnect({ host: address, port, timeout: timeoutMs });
    const finish = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => finish('open'));
    socket.on('timeout', () => finish('timeout'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'refused' : String(error.code)),
    );
  });
}

function udp({
  address,
  port,
  text,
  timeoutMs,
}: {
  address: string;
  port: number;
  text: string;
  timeoutMs: number;
}): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish('timeout'), timeoutMs);
    socket.on('message', (message) => finish(message.toString().trim()));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'refused' : String(error.code)),
    );
    // Connected: only so does an ICMP port unreachable reach the socket.
    socket.connect(port, address, () => socket.send(text));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: the types are those of roles/client.ts, which is the only caller.
const methods: Record<string, (argument: any) => unknown> = {
  get: ({ url, timeoutMs = defaultTimeoutMs }) => request(url, timeoutMs, newConnection()),
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
  startDownload,
  receivedBytes: ({ download }) => downloads.get(download)?.bytes ?? 0,
  finishDownload: ({ download }) => downloads.get(download)?.finished,
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
