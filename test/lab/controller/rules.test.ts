/** Whatever the manifests become, IPVS and the mark rules become what they mean. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import { readIpvs } from './ipvs-table.ts';
import { readMarks } from './mark-rules.ts';
import { createRandom, RandomManifests } from './random-manifests.ts';
import { counters, logLines, openStation, type Station } from './station.ts';

const seed = 20_261_121;
/** One processor and slow forks: the old kernel gets fewer. */
const changes = process.env.LAB_KERNEL === '6.1' ? 40 : 200;

describe('rules @both', function () {
  this.timeout(240_000);
  let station: Station;
  const manifests = new RandomManifests('web', seed);

  before(async () => {
    station = await openStation({
      servers: 0,
      ready: 'not awaited',
      settings: { healthCheck: { type: 'none' }, drain: { seconds: 1 } },
    });
    await write(manifests.files());
    await station.pod.ready(120_000);
  });
  after(() => station?.lab.close());

  async function write(files: Record<string, string | undefined>) {
    for (const [name, text] of Object.entries(files)) await station.service.writeManifest(name, text);
  }

  it(`equal the manifests after each few of ${changes} random changes that mean something (seed ${seed})`, async function () {
    this.timeout(300_000);
    const random = createRandom(seed + 1);
    const markOf: Record<string, number> = {};
    let bursts = 0;
    let meaning = manifests.meaning();
    for (let done = 0; done < changes; bursts++) {
      const titles: string[] = [];
      // Those that mean nothing (another order, a duplicate, another Service's slice) come on top, and count for nothing.
      for (let left = 1 + random.below(4); left > 0; ) {
        const { title, files } = manifests.change();
        titles.push(title);
        await write(files);
        const before = text(meaning);
        meaning = manifests.meaning();
        if (text(meaning) === before) continue;
        left--;
        done++;
      }
      const what = `burst ${bursts + 1} (${titles.join('; ')}) to be in the kernel as ${text(meaning)}`;
      const marks = await waitFor(
        what,
        async () => {
          const [ipvs, held] = [await readIpvs(station.pod), await readMarks(station.pod)];
          const read = Object.fromEntries(
            Object.entries(held).map(([key, mark]) => [key, ipvs[`FWM ${mark}`]?.servers ?? {}]),
          );
          const isWhole = Object.keys(ipvs).length === Object.keys(held).length;
          return text(read) === text(meaning) && isWhole
            ? held
            : { notYet: `${text(read)}, ${Object.keys(ipvs).length} virtual services` };
        },
        { deadlineMs: 60_000, everyMs: 100 },
      );
      for (const [key, mark] of Object.entries(marks)) {
        expect(mark, `mark of ${key}`).to.equal(markOf[key] ?? mark);
        markOf[key] = mark;
      }
      expect(new Set(Object.values(markOf)).size, 'marks of different ports').to.equal(
        Object.keys(markOf).length,
      );
    }
    expect(Object.keys(markOf)).to.have.length.greaterThan(3);
    const { drift, reloads } = await counters(station.pod);
    expect(drift, 'repairs of verify: keepalived did not do what its files say').to.equal(0);
    expect(reloads).to.be.at.least(bursts * 0.8);
    const faults = logLines(station.pod).filter(({ level }) => level === 'error');
    expect(faults.map(({ msg }) => msg)).to.deep.equal([]);
  });
});

function text(table: Record<string, Record<string, number>>): string {
  const sorted = Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(sorted.map(([key, servers]) => [key, Object.entries(servers).sort()]));
}
