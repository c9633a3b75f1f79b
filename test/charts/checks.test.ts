import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import {
  chartFolders,
  prepareChartTools,
  runTool,
  schemas,
  valuesFiles,
  writeReadme,
} from '../../lab/charts/tools.ts';
import { checkout } from '../../lab/kernel/places.ts';

/** Of other people's APIs, for which Kubernetes has no schema. */
const foreignKinds = 'PodMonitor';

before(async function prepare() {
  this.timeout('30m');
  await prepareChartTools();
});

for (const chart of chartFolders()) {
  describe(chart, () => {
    it('has values to be checked with, in its folder ci', () => {
      expect(valuesFiles(chart)).not.to.be.empty;
    });

    for (const values of valuesFiles(chart)) {
      it(`is linted with ${values}`, () => {
        const { code, all } = runTool('helm', ['lint', '--strict', chart, '--values', values]);
        expect(code, all).to.equal(0);
        expect(all).not.to.match(/stop the release|\[WARNING\]|\[ERROR\]/);
      });

      it(`is the same to helm 3 with ${values}`, () => {
        const lint = runTool('helm3', ['lint', '--strict', chart, '--values', values]);
        expect(lint.code, lint.all).to.equal(0);
        const [three, four] = (['helm3', 'helm'] as const).map((helm) => {
          const { code, text, all } = runTool(helm, [
            'template',
            'web',
            chart,
            '-n',
            'lb',
            '--values',
            values,
          ]);
          expect(code, all).to.equal(0);
          return loadAll(text);
        });
        expect(three).to.deep.equal(four);
      });

      it(`gives objects of this Kubernetes with ${values}`, () => {
        const rendered = runTool('helm', ['template', 'web', chart, '--namespace', 'lb', '--values', values]);
        expect(rendered.code, rendered.all).to.equal(0);
        const location = join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
        const options = ['-strict', '-skip', foreignKinds, '-output', 'json', '-summary', '-verbose'];
        const { text, all } = runTool(
          'kubeconform',
          [...options, '-schema-location', location, '-'],
          rendered.text,
        );
        const { summary, resources } = JSON.parse(text || '{}');
        expect(summary, all).to.include({ invalid: 0, errors: 0 });
        expect(summary.valid, all).to.be.at.least(1);
        const skipped = resources.filter(({ status }: { status: string }) => status === 'statusSkipped');
        for (const { kind } of skipped) expect(kind).to.equal(foreignKinds);
      });
    }

    it('passes its unit tests (helm-unittest)', () => {
      const { code, all } = runTool('helm-unittest', [chart]);
      expect(code, all).to.equal(0);
      const tests = /Tests:\s+(\d+) passed, (\d+) total/.exec(all);
      expect(Number(tests?.[1]), all).to.be.at.least(1);
    });

    it('has the README that helm-docs makes of it (else: node lab/charts/main.ts)', () => {
      const folder = mkdtempSync(join(checkout, chart, '.readme-'));
      try {
        const { code, all } = writeReadme(
          chart,
          join(folder.slice(join(checkout, chart).length + 1), 'README.md'),
        );
        expect(code, all).to.equal(0);
        const made = readFileSync(join(folder, 'README.md'), 'utf8');
        expect(readFileSync(join(checkout, chart, 'README.md'), 'utf8')).to.equal(made);
        const undocumented = made.split('\n').filter((line) => /^\| .* \|\s+\|$/.test(line));
        expect(undocumented, 'values without a word of what they are').to.deep.equal([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}
