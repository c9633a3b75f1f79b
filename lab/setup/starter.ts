/**
 * What starts a bundled program: dist/<program>.js is a few lines that set Node up, and then load the program from
 * dist/<program>.bundle.js. So `node dist/controller.js` is all that an image, the lab or a person has to know.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Memory before speed: the programs work for some milliseconds at a change and rest for seconds.
 * - The young generation stays at its first size (1 MB) instead of growing to 16 MB.
 * - The old one is collected when it has grown by a fifth: V8 would else let garbage grow to several times of what
 *   lives, since the machine has plenty. Unlike --max-old-space-size this is no limit: 10,000 endpoints pass.
 * - No TurboFan: its compiler takes 8 MB for code that runs once in a while; Maglev's is as fast here, also without
 *   inlining, whose graphs take 10 MB.
 * - The collector can be asked to work (common/collect-at-rest.ts): a program that rests gives back what it does not use.
 * V8 reads all of them when it decides (heap.cc, tiering-manager.cc), so they may be set after the start.
 */
const v8Flags = [
  '--semi-space-growth-factor=1',
  '--heap-growing-percent=20',
  '--no-opt',
  '--no-maglev-inlining',
  '--expose-gc',
];

/** Node has the code of its own modules compiled, but not for other V8 flags: what is loaded before them need not be. */
const nodeModules = [
  ...['assert', 'child_process', 'dgram', 'dns/promises', 'events', 'fs/promises', 'http', 'net', 'os'],
  ...['perf_hooks', 'process', 'readline', 'readline/promises', 'stream/promises', 'timers/promises', 'util'],
  'worker_threads',
];
/** Of the programs that ask the API server. */
const tlsModules = ['crypto', 'https', 'tls'];

const cacheName = 'compile-cache';

/** Users that the containers run as: Node keeps a cache for each uid by the directory's name. */
const containerUids = [0, 65532];

const deadlineMs = 60_000;

export function bundleName(program: string): string {
  return `${program}.bundle.js`;
}

/** As package.json and the images have it; client-node does not start below (its undici). */
const neededNode = 24;

/** In old syntax, good for a script and for a module: so an old Node says what it lacks, instead of a SyntaxError. */
export function writeStarter(directory: string, program: string): void {
  const modules = program === 'bgp-sidecar' ? nodeModules : [...nodeModules, ...tlsModules];
  // First of all: the kernel drops a signal that the first process of a PID namespace has no handler for, and a
  // kubelet sends SIGTERM once; so a pod that is deleted while its programs load would come up and be announced.
  const text = `['SIGTERM', 'SIGINT'].forEach(function (signal) { process.on(signal, function () { process.exit(143); }); });
if (parseInt(process.versions.node, 10) < ${neededNode}) {
  console.error(
    '${program} needs Node ${neededNode} or newer, and this is Node ' + process.versions.node + ' (' + process.execPath +
    '): install it, or in a checkout take its own by: npm exec -- node dist/${program}.js'
  );
  process.exitCode = 2;
} else {
  Promise.all([import('node:module'), import('node:v8'), import('node:vm')]).then(function (found) {
    ${JSON.stringify(modules)}.forEach(process.getBuiltinModule);
    ${JSON.stringify(v8Flags)}.forEach(function (flag) { found[1].setFlagsFromString(flag); });
    globalThis.gc = found[2].runInNewContext('gc');
    var cache = process.argv[1].replace(/[^/]*$/, '${cacheName}');
    found[0].enableCompileCache({ directory: cache, portable: true });
    return import('./${bundleName(program)}');
  });
}
`;
  writeFileSync(join(directory, `${program}.js`), text);
}

/**
 * Runs each program once, so that V8's code of it is kept beside it: what is read at every start need not be compiled.
 * The programs refuse to start without settings and identity, which is all that this needs. Without the cache they
 * only start later, so nothing here fails.
 */
export async function fillCompileCache(directory: string, programs: readonly string[]): Promise<void> {
  const cache = join(directory, cacheName);
  mkdirSync(cache, { recursive: true });
  await Promise.all(programs.map((program) => runOnce(join(directory, `${program}.js`))));
  const own = `-${process.getuid?.() ?? 0}`;
  for (const name of readdirSync(cache).filter((found) => found.endsWith(own))) {
    makeReadable(join(cache, name));
    for (const uid of containerUids) {
      const link = join(cache, `${name.slice(0, -own.length)}-${uid}`);
      if (!existsSync(link)) symlinkSync(name, link);
    }
  }
}

function runOnce(file: string): Promise<void> {
  const child = spawn(process.execPath, [file, '--settings', '/nonexistent'], {
    stdio: 'ignore',
    env: {},
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => child.once('error', () => resolve()).once('exit', () => resolve()));
}

function makeReadable(directory: string): void {
  chmodSync(directory, 0o755);
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).isFile()) chmodSync(path, 0o644);
  }
}
