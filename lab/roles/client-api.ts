import type { Role } from '../api.ts';

/** One request, each on a connection of its own unless `keepAlive`. */
export interface RequestResult {
  url: string;
  startedAtMs: number;
  durationMs: number;
  /** HTTP status; 0 when there was no answer. */
  status: number;
  /** Why there was no answer: ECONNREFUSED, ECONNRESET, timeout … */
  error?: string;
  body: string;
  /** From the answer of the lab's nginx: the server pod, the address it saw (the LB pod's, under NAT), the port. */
  server: string;
  from: string;
  port: number;
}

export interface LoadReport {
  results: RequestResult[];
  failed: RequestResult[];
  /** Requests answered per server pod, and per LB pod address. */
  perServer: Record<string, number>;
  perLbPod: Record<string, number>;
  /** Longest time without any successful answer, from the start of the load to its end. */
  longestGapMs: number;
}

/** Requests that go on until stopped. */
export interface Load {
  /** Answered and failed so far. */
  progress(): Promise<{ answered: number; failed: number }>;
  stop(): Promise<LoadReport>;
}

export interface LoadOptions {
  urls: string[];
  /** Of the urls' hosts, where DNS knows nothing of them. */
  address?: string;
  /** Requests begun per second, in all; default 100. */
  ratePerSecond?: number;
  /** 0 (default): a new connection per request. n: that many connections, kept open, used in turn. */
  keepAliveConnections?: number;
  timeoutMs?: number;
}

export interface WrkResult {
  requestsPerSecond: number;
  /** Body and header bytes received per second. */
  bytesPerSecond: number;
  requests: number;
  socketErrors: number;
  non2xx: number;
  output: string;
}

export interface ClientRole extends Role {
  /** One request on a new connection; `address`: of the url's host. Never rejects: see `error`. */
  get(url: string, options?: { timeoutMs?: number; address?: string }): Promise<RequestResult>;
  /** `count` requests, each on a new connection, over the urls in turn; `concurrency` at a time (default 16). */
  requests(options: {
    urls: string[];
    address?: string;
    count: number;
    concurrency?: number;
    timeoutMs?: number;
  }): Promise<LoadReport>;
  /** Requests at a steady rate until stopped. */
  startLoad(options: LoadOptions): Promise<Load>;
  /** A download that is read slowly: `finished` tells whether all bytes came. Server path: /download/<megabytes>. */
  download(url: string): Promise<{
    finished: Promise<{ bytes: number; complete: boolean; error?: string }>;
    receivedBytes(): Promise<number>;
  }>;
  /** What a TCP connect gives. */
  connect(
    address: string,
    port: number,
    timeoutMs?: number,
  ): Promise<'open' | 'refused' | 'timeout' | string>;
  /** One UDP datagram and its answer: the text, 'refused' (port unreachable) or 'timeout'. */
  udp(address: string, port: number, text: string, timeoutMs?: number): Promise<string>;
  /** The real curl, with these arguments. */
  curl(args: string[]): Promise<string>;
  /** The real wrk; one url. `sources`: spread over that many client addresses, one wrk each. */
  wrk(options: {
    url: string;
    connections: number;
    threads?: number;
    seconds: number;
    latency?: 'measure';
  }): Promise<WrkResult>;
}
