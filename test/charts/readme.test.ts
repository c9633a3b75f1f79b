/** What README.md tells people to install is what the charts take, and what they say back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { prepareChartTools, runTool } from '../../lab/charts/tools.ts';
import { checkout } from '../../lab/kernel/places.ts';

const page = readFileSync(join(checkout, 'README.md'), 'utf8');
const blocks = [...page.matchAll(/^```\w*\n([\s\S]*?)\n```$/gm)].map(([, text = '']) => text);

function block(start: string): string {
  const found = blocks.find((text) => text.startsWith(start));
  if (found === undefined) throw new Error(`README.md has no block that begins with "${start}"`);
  return found;
}

/** The values of a file that README.md shows, with those of images.yaml. */
function valuesOf(name: string): string {
  return `${block('# images.yaml')}\n${block(`# ${name}`)}`;
}

function notesOf(chart: string, ...args: string[]): string {
  // without a cluster: only what is rendered, notes included
  const command = ['install', chart, `charts/${chart}`, '-n', 'lb', '--dry-run=client', '-f', '-'];
  const { code, text, all } = runTool('helm', [...command, ...args], notesValues[chart]);
  expect(code, all).to.equal(0);
  return text.slice(text.indexOf('\nNOTES:'));
}

const notesValues: Record<string, string> = {
  'node-router': block('# images.yaml'),
  'route-reflector': valuesOf('reflector.yaml'),
  'portable-lb': valuesOf('web.yaml'),
};

describe('README.md', () => {
  before(async function prepare() {
    this.timeout('30m');
    await prepareChartTools();
  });

  it('installs a node router with the prefixes that it says', () => {
    const allowed = /--set '(allowedPrefixes=[^']+)'/.exec(page)?.[1] ?? '';
    const notes = notesOf('node-router', '--set', allowed);
    expect(notes)
      .to.include('203.0.113.0/24')
      .and.to.match(/\bweb\b/);
  });

  it('shows the router configuration that the chart route-reflector gives out', () => {
    const notes = notesOf('route-reflector').replace(/^ {2}/gm, '');
    for (const start of ['# BIRD 2', '! FRR']) {
      const [, ...lines] = block(start).split('\n');
      expect(notes).to.include(`\n${lines.join('\n')}\n`);
    }
  });

  it('has LB pods call the reflectors by the name that these have', () => {
    const host = /host: ([\w.-]+)/.exec(block('# web.yaml'))?.[1];
    expect(notesOf('route-reflector')).to.include(`host: ${host} `);
    expect(notesOf('portable-lb')).to.include('203.0.113.0/28');
  });

  it('names images that the charts then ask for', () => {
    const registry = /--registry (\S+)/.exec(page)?.[1];
    const args = ['template', 'web', 'charts/portable-lb', '-f', '-'];
    const { text, all } = runTool('helm', args, notesValues['portable-lb']);
    expect(text, all).to.include(`image: ${registry}/controller:`);
  });
});
