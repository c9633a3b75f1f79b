import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { render, renderWanted } from '../../../../controller/core/render.ts';
import { defaults, paths, settingsOf, web } from './builders.ts';
import { cases, renderCase } from './golden/cases.ts';

const goldenDirectory = join(import.meta.dirname, 'golden');
const settings = settingsOf();
describe('render', () => {
  describe('golden files', () => {
    for (const [name, golden] of Object.entries(cases))
      it(name, async () => {
        const text = await readFile(join(goldenDirectory, `${name}.conf`), 'utf8');
        expect(renderCase(golden)).to.equal(text);
      });

    it('has no file without a case', async () => {
      const files = (await readdir(goldenDirectory)).filter((file) => file.endsWith('.conf'));
      expect(files.sort()).to.deep.equal(
        Object.keys(cases)
          .map((name) => `${name}.conf`)
          .sort(),
      );
    });
  });

  it('is by fwmark over every prefix: prefixes are in no file', () => {
    expect(renderCase(cases['two-prefixes'] ?? { snapshots: [] })).to.equal(
      renderCase(cases['one-port'] ?? { snapshots: [] }),
    );
  });

  it('leaves out a virtual service without servers, which keepalived would warn of', () => {
    const empty = { ...web, key: 'TCP/81', port: 81, mark: 2, realServers: [] };
    expect(Object.keys(render(defaults, settings, [web, empty], paths))).to.deep.equal([
      'ipvs.conf',
      'virtual-services/tcp-80.conf',
    ]);
  });

  it('sets both thresholds where they are wanted, and the kernel should hold both', () => {
    const realServer = { ...settings.realServer, upperThreshold: 100, lowerThreshold: 80 };
    const { files, wanted } = renderWanted(defaults, { ...settings, realServer }, [web], paths);
    expect(files['virtual-services/tcp-80.conf']).to.match(/uthreshold 100\n +lthreshold 80\n/);
    expect(wanted[0]?.realServers[0]).to.include({ upperThreshold: 100, lowerThreshold: 80 });
  });

  it('says what the kernel should hold', () => {
    expect(renderWanted(defaults, settings, [web], paths).wanted).to.deep.equal([
      {
        mark: 1,
        scheduler: 'lc',
        flags: [],
        realServers: [
          {
            address: '10.0.0.1',
            port: 8080,
            weight: 1,
            upperThreshold: 20_000,
            lowerThreshold: 0,
            inhibitOnFailure: false,
          },
          {
            address: '10.0.0.2',
            port: 8080,
            weight: 0,
            upperThreshold: 20_000,
            lowerThreshold: 0,
            inhibitOnFailure: false,
          },
        ],
      },
    ]);
  });

  it('shows a port name only where it is one', () => {
    const name = (portName: string) =>
      render(defaults, settings, [{ ...web, portName }], paths)['virtual-services/tcp-80.conf'];
    expect(name('http-alt')).to.match(/^# Service default\/web, port TCP\/80 \(http-alt\)\n/);
    for (const hostile of ['a\nreal_server 6.6.6.6 80 {\n}', 'a b', '{', '$' + '{x}', 'ä', 'x'.repeat(64)])
      expect(name(hostile)).to.match(/^# Service default\/web, port TCP\/80\n/);
  });
});
