// npm run bench: what the pair takes, in time, memory and log; figures as text, and as JSON in the run's folder.
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureChanges } from './change.ts';
import { measureFootprint } from './footprint.ts';
import { type BenchResult, goalsOf, type Section } from './result.ts';
import { measureRoutes } from './routes.ts';
import { type Crowd, gatherCrowd, openSite, type Site } from './site.ts';
import { sizes } from './size.ts';
import { sectionText, summaryText } from './table.ts';

export const resultFile = 'bench.json';

const parts: Record<string, (site: Site, crowd: () => Promise<Crowd>) => Promise<Section>> = {
  change: async (site, crowd) => measureChanges(site, await crowd()),
  footprint: async (site, crowd) => measureFootprint(site, await crowd()),
  routes: (site) => measureRoutes(site),
};

/** Figures are told, not tested: the exit code is 0 although a goal is missed. */
export async function run(args: string[]): Promise<number> {
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args,
    options: { quick: flag, only: { type: 'string', multiple: true } },
  });
  const size = sizes[values.quick ? 'quick' : 'full'];
  const chosen = Object.entries(parts).filter(([name]) => values.only?.includes(name) ?? true);
  if (chosen.length === 0) {
    console.error(`--only takes ${Object.keys(parts).join(', ')}`);
    return 2;
  }
  const startedAt = new Date();
  const loadBefore = loadavg()[0] ?? 0;
  const site = await openSite(size, (line) => console.log(`… ${line}`));
  let crowd: Promise<Crowd> | undefined;
  const sections: Section[] = [];
  const file = join(site.runDir, resultFile);
  for (const [name, measure] of chosen) {
    if (name === 'routes') await (await crowd)?.disband();
    const section = await measure(site, () => (crowd ??= gatherCrowd(site)));
    console.log(`\n${sectionText(section)}`);
    sections.push(section);
    const result: BenchResult = {
      version: 1,
      kernel: process.env.LAB_KERNEL ?? 'host',
      startedAt: startedAt.toISOString(),
      durationSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
      size: size.name,
      loadAverage: [loadBefore, loadavg()[0] ?? 0],
      sections,
      goals: goalsOf(sections),
    };
    // After each section: an interruption costs only what was not measured yet.
    writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
    if (sections.length === chosen.length) console.log(`${summaryText(result)}\nall samples: ${file}`);
  }
  return 0;
}
