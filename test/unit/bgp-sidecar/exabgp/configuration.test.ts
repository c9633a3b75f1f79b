import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createConfiguration } from '../../../../bgp-sidecar/exabgp/configuration.ts';
import { createSessions } from '../../../../bgp-sidecar/exabgp/sessions.ts';

describe("ExaBGP's configuration", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'exabgp-configuration-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is not in force when that failed: it is tried again until it is', async () => {
    let starts = 0;
    const configuration = createConfiguration({
      runDirectory: directory,
      configFile: join(directory, 'exabgp.conf'),
      socat: '/usr/bin/socat',
      socket: join(directory, 'exabgp.sock'),
      deadlines: { reloadMs: 100, againMs: 100 },
      nowMs: () => 0,
      sessions: createSessions({ nowMs: () => 0, onChange: () => undefined }),
      supervisor: {
        run: undefined,
        ending: false,
        start() {
          if (++starts < 3) throw new Error('spawn ENOMEM');
        },
        restart: () => Promise.resolve(),
        reload: () => Promise.resolve(true),
        reloaded: () => undefined,
        stop: () => Promise.resolve(),
      },
      onReloaded: () => undefined,
    });
    const outcome = (promise: Promise<void>) => promise.then(() => 'done', String);
    const peers = [{ address: '10.0.0.251', port: 179, peerAS: 64512 }];
    const outcomes = [
      await outcome(configuration.want({ localAS: 64512, holdSeconds: 9, address: '10.0.0.11', peers })),
      await outcome(configuration.beat()),
      await outcome(configuration.beat()),
      await outcome(configuration.beat()),
    ];
    expect(outcomes).to.deep.equal(['Error: spawn ENOMEM', 'Error: spawn ENOMEM', 'done', 'done']);
    expect(starts).to.equal(3);
  });
});
