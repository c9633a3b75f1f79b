/** What the chart writes is what the node router reads: each rendered settings file goes through its own parser. */
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { prepareChartTools, runTool, valuesFiles } from '../../lab/charts/tools.ts';
import { parseSettings } from '../../node-router/settings.ts';

const chart = 'charts/node-router';

function settingsOf(...options: string[]) {
  const { code, text, all } = runTool('helm', ['template', 'edge', chart, '--namespace', 'lb', ...options]);
  expect(code, all).to.equal(0);
  const objects = loadAll(text) as ({ kind: string; data?: Record<string, string> } | null)[];
  const file = objects.find((each) => each?.kind === 'ConfigMap')?.data?.['node-router.yaml'];
  const { settings, problems } = parseSettings(file ?? '', 'node-router.yaml');
  expect(problems?.map(({ message }) => message) ?? []).to.deep.equal([]);
  return settings;
}

describe('settings of the chart node-router', () => {
  before(async function prepare() {
    this.timeout('30m');
    await prepareChartTools();
  });

  it('are accepted by the node router, with the Kubernetes API as source', () => {
    for (const values of valuesFiles(chart))
      expect(settingsOf('--values', values)?.pods.source).to.equal('kubernetes');
  });

  it('carry each value under its own name', () => {
    const settings = settingsOf('--values', `${chart}/ci/all-values.yaml`);
    expect(settings?.allowedPrefixes.map(({ text }) => text)).to.deep.equal([
      '203.0.113.0/24',
      '198.51.100.0/28',
    ]);
    expect(settings).to.deep.include({
      allowedNamespaces: ['lb', 'web'],
      blackholeSeconds: 30,
      interface: 'cni0',
      setMultipathHashPolicy: 'set',
      health: { port: 9500 },
    });
  });

  it('have the defaults that the node router has by itself', () => {
    const least = settingsOf('--values', `${chart}/ci/least-values.yaml`);
    const { settings: own } = parseSettings('allowedPrefixes: [203.0.113.0/24]', 'node-router.yaml');
    expect({ ...least, pods: own?.pods }).to.deep.equal(own);
  });

  it('are stopped by the chart wherever the node router would refuse them', () => {
    for (const prefixes of [
      '[]',
      '["10.0.0.1/8"]',
      '["203.0.113.0/24", "203.0.113.0/28"]',
      '["0.0.0.0/0"]',
    ]) {
      const text = `allowedPrefixes: ${prefixes}`;
      expect(parseSettings(text, 'f').settings, text).to.equal(undefined);
      const { code, all } = runTool('helm', ['template', chart, '--set-json', `allowedPrefixes=${prefixes}`]);
      expect(code, text).to.not.equal(0);
      expect(all).to.include('These values stop the release').and.include('allowedPrefixes: ');
    }
  });
});
