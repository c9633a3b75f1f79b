import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepTools } from './types.ts';

/** The mirror that this machine's own packages come from, so that no host stands in a file. */
export function findMirror(): string {
  const format = '$(RELEASE) $(REPO_URI)';
  const targets = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const mirror = pickMirror(targets.stdout ?? '');
  if (mirror === undefined) {
    throw new Error(
      'this machine has no Debian mirror configured: "apt-get indextargets" names no plain Debian release',
    );
  }
  return mirror;
}

/** Lines of "RELEASE URI" → the URI of the first plain Debian release: not security, updates or somebody else's. */
export function pickMirror(lines: string): string | undefined {
  const releases = /^(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable) (\S+)$/gm;
  const found = [...lines.matchAll(releases)].map(([, , uri]) => uri ?? '');
  return found.find((uri) => !uri.includes('security')) ?? undefined;
}

/** Debian's keys: they sign every release, so a keyring of the last release also vouches for the next. */
export function findKeyring(): string {
  const known = ['debian-archive-keyring.gpg', 'debian-archive-keyring.pgp'].map((name) =>
    join('/usr/share/keyrings', name),
  );
  const keyring = known.find((file) => existsSync(file));
  if (keyring === undefined)
    throw new Error(`no keyring of Debian: ${known[0]} is missing (package debian-archive-keyring)`);
  return keyring;
}

export function sourceLine(suite: string): string {
  return `deb [signed-by=${findKeyring()}] ${findMirror()} ${suite} main\n`;
}

/** The machine's own proxy and certificate settings for apt, as lines of its configuration. */
export function aptNetworkOptions(): string[] {
  const dump = spawnSync('apt-config', ['dump', 'Acquire'], { encoding: 'utf8' }).stdout ?? '';
  return dump.split('\n').filter((line) => /^Acquire::(http|https|Retries)\b.* ".+";$/.test(line));
}

/** Downloads a package of another release into the folder, without touching the machine's own apt. */
export async function downloadPackage(
  tools: StepTools,
  suite: string,
  name: string,
  folder: string,
): Promise<void> {
  const state = join(folder, 'apt');
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  writeFileSync(join(state, 'sources.list'), sourceLine(suite));
  writeFileSync(join(state, 'status'), '');
  const settings = {
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': state,
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': join(state, 'cache'),
    'Acquire::Languages': 'none',
    // The descriptions for software centres, as large as the package list.
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // apt's own user cannot enter our cache folder.
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  await tools.command(['apt-get', ...options, 'update', '--error-on=any']);
  await tools.command(['apt-get', ...options, 'download', name], { cwd: folder });
}
