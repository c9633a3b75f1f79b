import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { monotonicMs } from '../../../../common/clock.ts';
import type { Snapshot } from '../../../../controller/core/types.ts';
import { createFilesSource, readSnapshot } from '../../../../controller/watch/files.ts';
import type { EndpointSource } from '../../../../controller/watch/source.ts';

const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n';

function slice(addresses: string[], { name = 'web-1', of = 'web', namespace = 'default' } = {}): string {
  return [
    'apiVersion: discovery.k8s.io/v1',
    'kind: EndpointSlice',
    `metadata: { name: ${name}, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${of} } }`,
    'addressType: IPv4',
    'ports: [{ port: 8080 }]',
    'endpoints:',
    ...addresses.map((address) => `  - addresses: [${address}]`),
    '',
  ].join('\n');
}

describe('endpoints from files', () => {
  let directory: string;
  let source: EndpointSource;
  let snapshots: Snapshot[];
  let failures: string[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'manifests-'));
    snapshots = [];
    failures = [];
    source = createFilesSource({ directory, service: { name: 'web', namespace: 'default' } });
  });
  afterEach(async () => {
    await source.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function start(): Promise<void> {
    return source.start(
      (snapshot) => snapshots.push(snapshot),
      (problem) => failures.push(problem.message),
    );
  }

  function put(name: string, text: string): void {
    writeFileSync(join(directory, `.${name}.tmp`), text);
    renameSync(join(directory, `.${name}.tmp`), join(directory, name));
  }

  function addresses(snapshot = snapshots.at(-1)): string[] | undefined {
    return snapshot?.slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((each) => each.addresses));
  }

  async function until(what: string, holds: () => boolean): Promise<void> {
    const from = monotonicMs();
    while (!holds()) {
      if (monotonicMs() - from > 3_000)
        throw new Error(
          `not within 3 s: ${what}; last addresses ${addresses()}; failures:\n${failures.join('\n')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const untilAddresses = (...wanted: string[]) =>
    until(
      `addresses ${wanted}`,
      () => addresses()?.join() === wanted.join() && snapshots.at(-1)?.service !== undefined,
    );

  /** Puts a slice that must arrive, behind what must change nothing. */
  async function barrier(address: string): Promise<void> {
    put('zz-barrier.yaml', slice([address], { name: 'barrier' }));
    await until(`barrier ${address}`, () => addresses()?.at(-1) === address);
  }

  it('gives the Service and its slices, of its namespace only, whole from the first', async () => {
    put('service.yaml', service);
    put('a.yml', `${slice(['10.1.0.1'])}---\n${slice(['10.9.0.1'], { name: 'other', of: 'api' })}`);
    put('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }));
    put('c.yaml', slice(['10.8.0.1'], { namespace: 'shop' }));
    put('d.yaml', slice(['10.1.0.2'], { name: 'web-2' }));
    put('README.md', 'not a manifest');
    const from = monotonicMs();
    await start();
    await untilAddresses('10.1.0.1', '10.1.0.2');
    expect(snapshots).to.have.length(1);
    expect(snapshots[0]?.service?.metadata?.name).to.equal('web');
    expect(snapshots[0]?.takenAtMs).to.be.within(from, monotonicMs());
    expect(failures).to.deep.equal([]);
  });

  it('gives a snapshot for a Service that is not there, then for one that comes and goes', async () => {
    put('a.yaml', slice(['10.1.0.1']));
    await start();
    await until('first', () => snapshots.length === 1);
    expect(snapshots[0]).to.not.have.property('service');
    put('service.yaml', service);
    await untilAddresses('10.1.0.1');
    unlinkSync(join(directory, 'service.yaml'));
    await until('service gone', () => snapshots.at(-1)?.service === undefined);
    expect(addresses()).to.deep.equal(['10.1.0.1']);
  });

  it('follows files that are replaced, written in place, added and removed', async () => {
    put('service.yaml', service);
    await start();
    put('a.yaml', slice(['10.1.0.1']));
    await untilAddresses('10.1.0.1');
    put('a.yaml', slice(['10.1.0.1', '10.1.0.2']));
    await untilAddresses('10.1.0.1', '10.1.0.2');
    writeFileSync(join(directory, 'a.yaml'), slice(['10.1.0.3']));
    await untilAddresses('10.1.0.3');
    put('b.yaml', slice(['10.1.0.4'], { name: 'web-2' }));
    await untilAddresses('10.1.0.3', '10.1.0.4');
    unlinkSync(join(directory, 'a.yaml'));
    await untilAddresses('10.1.0.4');
  });

  it('gives no snapshot for what changes nothing of the Service', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    await start();
    await untilAddresses('10.1.0.1');
    put('other.yaml', slice(['10.9.0.1'], { name: 'other', of: 'api' }));
    put('other.yaml', slice(['10.9.0.2'], { name: 'other', of: 'api' }));
    await barrier('10.1.0.9');
    expect(snapshots).to.have.length(2);
  });

  it('keeps the last good content of a refused file, tells it once, and goes on with the others', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1', '10.1.0.2']));
    await start();
    await untilAddresses('10.1.0.1', '10.1.0.2');
    put('a.yaml', slice(['10.1.0.1', '10.1.0.']));
    await barrier('10.1.0.9');
    await barrier('10.1.0.8');
    expect(addresses()).to.deep.equal(['10.1.0.1', '10.1.0.2', '10.1.0.8']);
    expect(failures).to.deep.equal([
      `${directory}/a.yaml: refused, what was read of it last stays: document 1 EndpointSlice default/web-1: endpoints[1].addresses[0]: is "10.1.0."; accepted: an IPv4 address`,
    ]);
    put('a.yaml', slice(['10.1.0.3']));
    await untilAddresses('10.1.0.3', '10.1.0.8');
    put('a.yaml', slice(['10.1.0.1', '10.1.0.']));
    await until('told again after it was well', () => failures.length === 2);
  });

  it('keeps the last good content while a file is half-written, at any length', async () => {
    const whole = slice(['10.1.0.11', '10.1.0.12']);
    put('service.yaml', service);
    put('a.yaml', whole);
    await start();
    await untilAddresses('10.1.0.11', '10.1.0.12');
    for (const length of [0, 5, 40, whole.length - 30, whole.length - 4, whole.length - 1]) {
      writeFileSync(join(directory, 'a.yaml'), whole.slice(0, length));
      await until(`told at ${length}`, () => failures.length > 0);
      expect(failures.splice(0)[0]).to.match(
        /a\.yaml: refused, what was read of it last stays: looks half-written: it/,
      );
      writeFileSync(join(directory, 'a.yaml'), `${whole}# ${length}\n`);
      const before = snapshots.length;
      await until('taken again', () => snapshots.length > before);
    }
    for (const snapshot of snapshots) expect(addresses(snapshot)).to.deep.equal(['10.1.0.11', '10.1.0.12']);
  });

  it('gives nothing at all until every file was read whole once, and says so', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    put('b.yaml', 'kind: EndpointSlice\n');
    await start();
    await until('told', () => failures.length === 2);
    expect(failures[1]).to.equal(
      `${directory}: nothing is taken from it yet, since a part would replace what may be running from before: b.yaml could not be read since the start; mend or remove it`,
    );
    put('c.yaml', slice(['10.1.0.3'], { name: 'web-3' }));
    expect(snapshots).to.deep.equal([]);
    unlinkSync(join(directory, 'b.yaml'));
    await untilAddresses('10.1.0.1', '10.1.0.3');
    expect(failures).to.have.length(2);
  });

  it('keeps the last snapshot when the directory goes, and goes on when it comes again', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    await start();
    await untilAddresses('10.1.0.1');
    renameSync(directory, `${directory}-away`);
    await until('told', () => failures.length === 1);
    expect(failures[0]).to.match(
      /the directory of manifests cannot be read \(ENOENT: .*, what was read last stays; create it/,
    );
    expect(snapshots).to.have.length(1);
    writeFileSync(join(`${directory}-away`, 'a.yaml'), slice(['10.1.0.2']));
    renameSync(`${directory}-away`, directory);
    await untilAddresses('10.1.0.2');
    expect(failures).to.have.length(1);
  });

  it('keeps what it had of a file whose place is taken by a directory, and tells it once by name', async () => {
    put('service.yaml', service);
    put('slice.yaml', slice(['10.42.1.7']));
    await start();
    await untilAddresses('10.42.1.7');
    unlinkSync(join(directory, 'slice.yaml'));
    mkdirSync(join(directory, 'slice.yaml'));
    put('other.yaml', slice(['10.42.1.8'], { name: 'web-2' }));
    await untilAddresses('10.42.1.8', '10.42.1.7');
    expect(failures).to.have.length(1);
    expect(failures[0]).to.contain(join(directory, 'slice.yaml'));
  });

  it('waits for a directory that is not there yet', async () => {
    rmSync(directory, { recursive: true });
    await start();
    await until('told', () => failures.length === 1);
    mkdirSync(directory);
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    await untilAddresses('10.1.0.1');
  });

  it('follows a ConfigMap as the kubelet swaps it', async () => {
    for (const version of [1, 2, 3]) {
      const held = join(directory, `..${version}`);
      mkdirSync(held);
      writeFileSync(join(held, 'web.yaml'), `${service}---\n${slice([`10.1.0.${version}`])}`);
      symlinkSync(`..${version}`, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
      if (version === 1) {
        symlinkSync('..data/web.yaml', join(directory, 'web.yaml'));
        await start();
      }
      await untilAddresses(`10.1.0.${version}`);
    }
    expect(snapshots).to.have.length(3);
  });

  it('lets the first of two files count that have the same object', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    put('b.yaml', slice(['10.1.0.2']));
    await start();
    await untilAddresses('10.1.0.1');
    expect(failures).to.deep.equal([
      `${directory}/b.yaml: EndpointSlice default/web-1 is in a.yaml already, which counts; remove one of them`,
    ]);
  });

  it('ends with what the files hold after any changes in any order (property)', async () => {
    put('service.yaml', service);
    await start();
    const names = ['a', 'b', 'c'];
    const change = fc.record({
      name: fc.constantFrom(...names),
      how: fc.constantFrom('replace', 'in place', 'remove'),
      octet: fc.integer({ min: 1, max: 250 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        const held = new Map<string, string>();
        for (const name of names) rmSync(join(directory, `${name}.yaml`), { force: true });
        for (const { name, how, octet } of changes) {
          const text = slice([`10.2.0.${octet}`], { name });
          if (how === 'replace') put(`${name}.yaml`, text);
          if (how === 'in place') writeFileSync(join(directory, `${name}.yaml`), text);
          if (how === 'remove') rmSync(join(directory, `${name}.yaml`), { force: true });
          if (how === 'remove') held.delete(name);
          else held.set(name, `10.2.0.${octet}`);
        }
        await untilAddresses(...names.flatMap((name) => held.get(name) ?? []));
      }),
      { numRuns: 25 },
    );
    expect(failures).to.deep.equal([]);
  });

  it('takes 10,000 endpoints', async () => {
    put('service.yaml', service);
    const many = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    for (let i = 0; i < 10; i++)
      put(`s${i}.yaml`, slice(many.slice(i * 1_000, (i + 1) * 1_000), { name: `web-${i}` }));
    await start();
    await untilAddresses(...many);
  });

  it('says no more once stopped', async () => {
    put('service.yaml', service);
    await start();
    await until('first', () => snapshots.length === 1);
    await source.stop();
    put('a.yaml', slice(['10.1.0.1']));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(snapshots).to.have.length(1);
  });

  it('is read once for --check, with every fault', async () => {
    put('service.yaml', service);
    put('a.yaml', slice(['10.1.0.1']));
    put('b.yaml', slice(['10.1.0.'], { name: 'web-2' }));
    const told: string[] = [];
    const snapshot = await readSnapshot(directory, { name: 'web', namespace: 'default' }, ({ message }) =>
      told.push(message),
    );
    expect(addresses(snapshot)).to.deep.equal(['10.1.0.1']);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(
      /b\.yaml: document 1 EndpointSlice default\/web-2: endpoints\[0\]\.addresses\[0\]/,
    );
  });
});
