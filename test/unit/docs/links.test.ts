/** Links between the pages lead somewhere. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect } from 'chai';

const checkout = join(import.meta.dirname, '../../..');
const pages = ['README.md', 'docs/**/*.md', 'charts/*/README.md'].flatMap((pattern) =>
  globSync(pattern, { cwd: checkout }),
);

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(checkout, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('links', () => {
  for (const page of pages)
    it(`of ${page}`, () => {
      const text = readFileSync(join(checkout, page), 'utf8');
      const dead = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [path = '', anchor] = target.split('#');
          const named = path === '' ? page : normalize(join(dirname(page), path));
          if (!existsSync(join(checkout, named))) return true;
          return anchor !== undefined && !anchorsOf(named).includes(anchor);
        });
      expect(dead).to.deep.equal([]);
    });
});
