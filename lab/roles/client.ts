import type { ClientRole, Load, LoadReport, RequestResult, WrkResult } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace } from '../network/command.ts';
import { clientAddress, clientLan } from '../network/plan.ts';
import type { LabProcess } from '../processes.ts';
import { sourcePorts } from './agent-requests.ts';
import type { LoadOptions } from './client-api.ts';
import { summarize } from './load-report.ts';
import { BaseRole, clientLink } from './role.ts';
import { parseWrk } from './wrk.ts';

const agentFile = new URL('./client-agent.ts', import.meta.url).pathname;

/** A client: an agent in its namespace makes the requests, so that one more costs no new process. */
export class Client extends BaseRole implements ClientRole {
  #agent: LabProcess | undefined;
  #calls = 0;
  readonly #pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();

  private constructor(context: LabContext, index: number) {
    super(context, clientPlan(context, index));
  }

  static async create(context: LabContext, index: number): Promise<Client> {
    const client = new Client(context, index);
    await BaseRole.build(context, clientPlan(context, index));
    return client;
  }

  /** A client that another process of this kernel created. */
  static attach(context: LabContext, index: number): Client {
    return new Client(context, index);
  }

  /** Asks the agent; `method` and its arguments are those of client-agent.ts. */
  #call<T>(method: string, argument: unknown): Promise<T> {
    const agent = this.#agent ?? this.#startAgent();
    const call = ++this.#calls;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(call, { resolve: resolve as (value: never) => void, reject });
      agent.child.send({ call, method, argument });
    });
  }

  #startAgent(): LabProcess {
    const agent = this.context.start({
      name: `${this.name}.agent`,
      command: inNamespace(this.netns, [process.execPath, agentFile]),
      ipc: 'open',
    });
    agent.child.on('message', (message: { call: number; value?: unknown; error?: string }) => {
      const waiting = this.#pending.get(message.call);
      this.#pending.delete(message.call);
      if (message.error === undefined) waiting?.resolve(message.value as never);
      else waiting?.reject(new Error(`${this.name}: ${message.error}`));
    });
    agent.child.on('exit', () => {
      for (const { reject } of this.#pending.values())
        reject(new Error(`${this.name}: its agent ended; see ${agent.logFile}`));
      this.#pending.clear();
      this.#agent = undefined;
    });
    this.#agent = agent;
    this.programs.set('agent', agent);
    return agent;
  }

  async get(url: string, options: { timeoutMs?: number; address?: string } = {}): Promise<RequestResult> {
    const [result] = onOurClock([await this.#call<RequestResult>('get', { url, ...options })]);
    return result as RequestResult;
  }

  async requests(options: {
    urls: string[];
    address?: string;
    count: number;
    concurrency?: number;
    timeoutMs?: number;
  }): Promise<LoadReport> {
    const startedAtMs = performance.now();
    const results = onOurClock(await this.#call<RequestResult[]>('requests', options));
    return summarize(results, startedAtMs, performance.now());
  }

  async startLoad(options: LoadOptions): Promise<Load> {
    const load = await this.#call<number>('startLoad', options);
    const startedAtMs = performance.now();
    return {
      progress: () => this.#call('progress', { load }),
      stop: async () => {
        const results = onOurClock(await this.#call<RequestResult[]>('stopLoad', { load }));
        return summarize(results, startedAtMs, performance.now());
      },
    };
  }

  async download(url: string) {
    const download = await this.#call<number>('startDownload', { url });
    return {
      finished: this.#call<{ bytes: number; complete: boolean; error?: string }>('finishDownload', {
        download,
      }),
      receivedBytes: () => this.#call<number>('receivedBytes', { download }),
    };
  }

  connect(address: string, port: number, timeoutMs = 2000): Promise<string> {
    return this.#call('connect', { address, port, timeoutMs });
  }

  udp(address: string, port: number, text: string, timeoutMs = 2000): Promise<string> {
    return this.#call('udp', { address, port, text, timeoutMs });
  }

  curl(args: string[]): Promise<string> {
    return this.exec(['curl', '--silent', '--show-error', ...args]);
  }

  async wrk(options: {
    url: string;
    connections: number;
    threads?: number;
    seconds: number;
    latency?: 'measure';
  }): Promise<WrkResult> {
    const output = await this.exec(
      [
        'wrk',
        `-c${options.connections}`,
        `-t${options.threads ?? Math.min(2, options.connections)}`,
        `-d${options.seconds}s`,
        ...(options.latency === 'measure' ? ['--latency'] : []),
        options.url,
      ],
      { timeoutMs: options.seconds * 1000 + 30_000 },
    );
    return parseWrk(output);
  }
}

/** The agent counts from the machine's start (CLOCK_MONOTONIC), we from our own. */
function onOurClock(results: RequestResult[]): RequestResult[] {
  const offsetMs = performance.now() - Number(process.hrtime.bigint()) / 1e6;
  for (const result of results) result.startedAtMs += offsetMs;
  return results;
}

function clientPlan(context: LabContext, index: number) {
  const name = index === 1 ? 'client' : `client-${index}`;
  const address = clientAddress(index);
  return {
    kind: 'client' as const,
    name,
    address,
    links: [clientLink(context, name, 'eth0', address)],
    ip: [`route add default via ${clientLan.router}`],
    // wrk and the agent open thousands of connections to one address.
    sysctls: {
      'net.ipv4.ip_local_port_range': '1024 65535',
      'net.ipv4.ip_local_reserved_ports': `${sourcePorts.first}-${sourcePorts.last}`,
      'net.ipv4.tcp_tw_reuse': 1,
      // A retransmission would change the socket's hash, which nodes go by as no node does that is another machine.
      'net.core.txrehash': 0,
    },
  };
}
