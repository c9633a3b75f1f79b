/** node lab/charts/main.ts: writes the README of each chart anew. */
import { chartFolders, prepareChartTools, writeReadme } from './tools.ts';

await prepareChartTools();
for (const chart of chartFolders()) {
  const { code, all } = writeReadme(chart, 'README.md');
  if (code !== 0) throw new Error(`helm-docs ${chart}: ${all}`);
  console.log(`${chart}/README.md`);
}
