import { createServer } from 'node:net';
import { expect } from 'chai';
import { createHealth, whyStuck } from '../../../common/health.ts';

const told: string[] = [];
const tell = (_event: string, _fields: object, text: string) => void told.push(text);
const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
const options = {
  address: '127.0.0.1',
  live: () => undefined,
  ready: () => 'FWM 1 is missing',
  metrics: async () => 'a 1\n',
};

/** A port that is free at the moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function ask(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  return answer ? `${answer.status} ${(await answer.text()).trim()}` : 'nobody';
}

/** The first answer, or 'nobody' after five seconds. */
async function untilAnswered(port: number): Promise<string> {
  let seen = await ask(port);
  for (const deadlineMs = performance.now() + 5000; seen === 'nobody' && performance.now() < deadlineMs; )
    seen = await ask(port);
  return seen;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`waited until ${what}; told: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('health', () => {
  it('follows the port of the settings, and leaves the former one', async () => {
    const health = createHealth(options, log);
    const [first, second] = [await freePort(), await freePort()];
    health.follow(first);
    health.follow(second);
    await health.close();
    expect(told).to.deep.equal([]);
    const again = createHealth(options, log);
    again.follow(first);
    again.follow(first);
    again.follow(second);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await untilAnswered(second)).to.equal('503 FWM 1 is missing');
    expect(await ask(first)).to.equal('nobody');
    await again.close();
    expect(await ask(second)).to.equal('nobody');
  });

  it('stays at the port that the pod was made with, whatever the settings name', async () => {
    const [own, named] = [await freePort(), await freePort()];
    const health = createHealth({ ...options, ownPort: own }, log);
    health.follow(named);
    expect(await untilAnswered(own)).to.equal('503 FWM 1 is missing');
    expect(await ask(named)).to.equal('nobody');
    await health.close();
  });

  it('tells a port that is taken, and keeps the one it has', async () => {
    const health = createHealth(options, log);
    const port = await freePort();
    health.follow(port);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    health.follow((taken.address() as { port: number }).port);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (told.length === 0) return;
        clearInterval(timer);
        resolve();
      }, 5);
    });
    expect(told[0]).to.match(/health and metrics cannot listen on 127\.0\.0\.1/);
    expect(await ask(port)).to.equal('503 FWM 1 is missing');
    await health.close();
    taken.close();
  });

  it('takes a port as soon as it is free', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    told.length = 0;
    const health = createHealth(options, log);
    health.follow(port);
    await until('the port is told to be taken', () => told.length === 1);
    await new Promise((resolve) => taken.close(resolve));
    let seen = 'nobody';
    for (const deadlineMs = performance.now() + 8000; seen === 'nobody' && performance.now() < deadlineMs; )
      seen = await ask(port);
    expect(seen).to.equal('503 FWM 1 is missing');
    expect(told).to.have.length(1);
    await health.close();
  });

  it('says how long a loop has stood still, once that is too long', () => {
    expect(whyStuck(30_000, 30_000)).to.equal(undefined);
    expect(whyStuck(31_400, 30_000)).to.equal('the loop has stood still for 31 s');
  });
});
