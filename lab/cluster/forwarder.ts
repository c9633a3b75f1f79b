// The way from the machine to the API server: the cluster has a network namespace of its own, so it offers a socket in
// its folder, and a small process of the machine listens on loopback for it: node forwarder.ts RUNDIR PORT.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { socketPath } from '../kernel/places.ts';
import { type ClusterPaths, clusterPaths, controlPlane } from './plan.ts';

/** In the cluster: its socket, as long as this process lives. */
export function forwardApi(paths: ClusterPaths): Promise<Server> {
  rmSync(paths.apiSocket, { force: true });
  return listen(
    () => connect(controlPlane.apiPort, controlPlane.address),
    (server, done) => server.listen(paths.apiSocket, done),
  );
}

async function listen(
  target: () => Socket,
  start: (server: Server, done: () => void) => void,
): Promise<Server> {
  const server = createServer((one) => {
    const other = target();
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((done, refuse) => {
    server.once('error', refuse);
    start(server, done);
  });
  server.unref();
  return server;
}

/** The port is written into the folder. Ends when the cluster does. */
async function serveMachine(runDir: string, wantedPort: number): Promise<void> {
  const open = (port: number) =>
    listen(
      () => connect(clusterPaths(runDir).apiSocket),
      (server, done) => server.listen(port, '127.0.0.1', done),
    );
  const server = await open(wantedPort).catch(() => open(0));
  const address = server.address();
  writeFileSync(portFile(runDir), String(typeof address === 'object' ? address?.port : 0));
  const keeper = connect(socketPath(runDir));
  keeper.on('error', () => process.exit(0));
  keeper.on('close', () => process.exit(0));
  keeper.resume();
}

export function startForwarder(runDir: string, wantedPort: number): void {
  rmSync(portFile(runDir), { force: true });
  const file = join(import.meta.dirname, 'forwarder.ts');
  spawn(process.execPath, [file, runDir, String(wantedPort)], { detached: true, stdio: 'ignore' }).unref();
}

export async function isForwarded(runDir: string): Promise<boolean> {
  if (!existsSync(portFile(runDir))) return false;
  return new Promise((resolve) => {
    const attempt = connect(forwardedPort(runDir), '127.0.0.1', () => resolve(true));
    attempt.once('error', () => resolve(false)).once('connect', () => attempt.destroy());
  });
}

export function forwardedPort(runDir: string): number {
  return Number(readFileSync(portFile(runDir), 'utf8'));
}

function portFile(runDir: string): string {
  return join(runDir, 'api.port');
}

if (import.meta.main) await serveMachine(process.argv[2] ?? '', Number(process.argv[3] ?? 0));
