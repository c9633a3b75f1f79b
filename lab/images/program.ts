/**
 * What an image holds in /app of one of the programs: `node lab/images/program.ts controller /app`, run by the
 * Dockerfiles: its bundle with V8's code of it, and beside it node_modules/netlink, which is a native module.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../setup/bundle.ts';

const root = join(import.meta.dirname, '../..');
/** netlink's own need at run time: it finds the prebuilt module of this machine. */
const nativePackages = ['netlink', 'node-gyp-build'];
const unused = ['netlink/node_modules', 'netlink/src', 'netlink/binding.gyp', 'netlink/prebuilds'];

export async function writeProgram(program: string, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const description = { name: `portable-lb-${program}`, version, license, type: 'module' };
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(description, undefined, 2)}\n`);
  cpSync(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  // before the bundle runs to fill its compile cache
  if (program !== 'bgp-sidecar') copyNativePackages(join(directory, 'node_modules'));
  await bundle(directory, [program]);
  if (!existsSync(join(directory, 'compile-cache'))) throw new Error(`${program} left no compile cache`);
}

function copyNativePackages(target: string): void {
  for (const name of nativePackages)
    cpSync(join(root, 'node_modules', name), join(target, name), { recursive: true, filter: isNeeded });
  for (const path of unused) rmSync(join(target, path), { recursive: true });
  const prebuilt = join('netlink/prebuilds', `linux-${process.arch}`);
  cpSync(join(root, 'node_modules', prebuilt), join(target, prebuilt), { recursive: true });
}

function isNeeded(path: string): boolean {
  return !/\.(d\.ts|map|md)$/.test(path);
}

if (import.meta.main) {
  const [program = '', directory = ''] = process.argv.slice(2);
  await writeProgram(program, directory);
}
