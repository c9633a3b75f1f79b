/** The unix socket on which ExaBGP's helper (socat) reaches this process. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { describeSystemError } from '../../common/files.ts';
import { problems } from '../errors.ts';

export async function listenForHelper(path: string, onHelper: (socket: Socket) => void): Promise<Server> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(path, { force: true });
    const server = createServer(onHelper);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    return server;
  } catch (error) {
    throw problems.RUN_DIRECTORY(dirname(path), describeSystemError(error));
  }
}
