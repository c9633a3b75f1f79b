/** Writes the golden files anew: read the difference before it is committed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cases, renderCase } from './cases.ts';

for (const [name, golden] of Object.entries(cases))
  await writeFile(join(import.meta.dirname, `${name}.conf`), renderCase(golden));
