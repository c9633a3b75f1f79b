import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../kernel/places.ts';
import { archivesIn } from '../set-up.ts';

/** Archives of the product's images, as `npm run images -- --archives .lab/images` wrote them last. */
export async function productArchives(): Promise<string[]> {
  const folder = join(checkout, '.lab', 'images');
  return existsSync(folder) ? archivesIn(folder) : [];
}
