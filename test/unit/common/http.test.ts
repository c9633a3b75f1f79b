import { request } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { type HealthServer, serveHealth } from '../../../common/http.ts';

describe('health and metrics', () => {
  let server: HealthServer;
  let whyNot: string | undefined;
  beforeEach(async () => {
    whyNot = undefined;
    server = await serveHealth({
      address: '127.0.0.1',
      port: 0,
      live: () => undefined,
      ready: () => whyNot,
      metrics: async () => {
        if (whyNot === 'broken') throw new Error('no metrics today');
        return 'reloads_total 3\n';
      },
    });
  });
  afterEach(() => server.close());

  function ask(path: string, method = 'GET'): Promise<{ status: number; type: string; body: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: '127.0.0.1', port: server.port, path, method, agent: false },
        (response) => {
          let body = '';
          response.on('data', (chunk) => {
            body += chunk;
          });
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              type: String(response.headers['content-type']),
              body,
            }),
          );
        },
      );
      asked.on('error', reject).end();
    });
  }

  it('answers whether it lives and is ready, with the reason if not', async () => {
    expect(await ask('/livez')).to.include({ status: 200, body: 'ok\n' });
    expect(await ask('/readyz?verbose')).to.include({ status: 200, body: 'ok\n' });
    whyNot = 'no snapshot yet';
    expect(await ask('/readyz')).to.include({ status: 503, body: 'no snapshot yet\n' });
    expect(await ask('/livez')).to.include({ status: 200 });
  });

  it('gives metrics in the text format, and outlives a failure to do so', async () => {
    expect(await ask('/metrics')).to.deep.equal({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: 'reloads_total 3\n',
    });
    whyNot = 'broken';
    expect(await ask('/metrics')).to.include({ status: 500, body: 'no metrics today\n' });
    expect(await ask('/livez')).to.include({ status: 200 });
  });

  it('has nothing else, and takes GET and HEAD only', async () => {
    expect(await ask('/')).to.include({ status: 404 });
    expect(await ask('/__proto__')).to.include({ status: 404 });
    expect(await ask('/constructor')).to.include({ status: 404 });
    expect(await ask('/metrics', 'POST')).to.include({ status: 405 });
    expect(await ask('/livez', 'HEAD')).to.include({ status: 200, body: '' });
  });

  it('outlives what is no HTTP', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.end('\0\0 nonsense\r\n\r\n'));
      socket.on('close', () => resolve()).on('error', () => undefined);
    });
    expect(await ask('/livez')).to.include({ status: 200 });
  });

  it('listens on the given address only', async () => {
    const refused = await new Promise((resolve) => {
      connect(server.port, '127.0.0.2')
        .on('error', resolve)
        .on('connect', () => resolve(undefined));
    });
    expect(refused).to.have.property('code', 'ECONNREFUSED');
  });

  it('says which port is taken and what to do', async () => {
    const options = {
      address: '127.0.0.1',
      port: server.port,
      live: () => undefined,
      ready: () => undefined,
      metrics: async () => '',
    };
    const failed = await serveHealth(options).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failed).to.match(
      new RegExp(`^health and metrics cannot listen on 127\\.0\\.0\\.1:${server.port} \\(.*EADDRINUSE`),
    );
  });

  it('closes at once although a client holds on', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.on('connect', resolve));
    const ended = new Promise((resolve) => socket.on('close', resolve));
    await server.close();
    await ended;
  });
});
