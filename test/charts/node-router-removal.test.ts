/** What the job of the uninstall changes in the DaemonSet is put back by a rollback, should the uninstall fail. */
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { prepareChartTools, runTool, valuesFiles } from '../../lab/charts/tools.ts';
import { removalPatch } from '../../node-router/remove-everywhere.ts';

const chart = 'charts/node-router';

/** Paths of what an object says; containers are known by their names, as to a strategic merge patch. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, each]) =>
    key === 'containers'
      ? (each as { name: string }[]).flatMap((item) => fieldsOf(item, `${path}.${item.name}`))
      : fieldsOf(each, `${path}.${key}`),
  );
}

describe('the removal of the routes of the chart node-router', () => {
  before(async function prepare() {
    this.timeout('30m');
    await prepareChartTools();
  });

  for (const values of valuesFiles(chart)) {
    it(`changes nothing that a rollback leaves as it is, with ${values}`, () => {
      const { code, text, all } = runTool('helm', ['template', 'edge', chart, '--values', values]);
      expect(code, all).to.equal(0);
      const objects = loadAll(text) as ({ kind: string } | null)[];
      // helm puts back what a revision says, and leaves alone what it does not
      const rendered = fieldsOf(objects.find((object) => object?.kind === 'DaemonSet'));
      expect(rendered).to.include.members(fieldsOf(removalPatch));
    });
  }
});
