import { spawnSync } from 'node:child_process';
import type { Step, StepTools } from './types.ts';

/** Packages of this machine's own release; the only thing that set-up changes outside its cache folder. */
export function packagesStep(names: string[], isNeeded: () => boolean): Step {
  return {
    title: `Debian packages for the set-up: ${names.join(' ')}`,
    isDone: () => !isNeeded() || missing(names).length === 0,
    run: (tools) => install(missing(names), tools),
    remedy:
      'The machine must be Debian 12 or 13 with a working package mirror, and you must be root: see that "apt-get update" works.',
  };
}

function missing(names: string[]): string[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names], {
    encoding: 'utf8',
  });
  const installed = new Set(
    (query.stdout ?? '')
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return names.filter((name) => !installed.has(name));
}

async function install(names: string[], tools: StepTools): Promise<void> {
  const apt = ['apt-get', '-o', 'DPkg::Lock::Timeout=300'];
  const installation = [...apt, 'install', '-y', '--no-install-recommends', ...names];
  try {
    await tools.command(installation, { mustFinish: 'yes' });
  } catch {
    // No package lists yet, or older than the mirror.
    await tools.command([...apt, 'update'], { mustFinish: 'yes' });
    await tools.command(installation, { mustFinish: 'yes' });
  }
}
