import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BareKeepalived, readFileSet } from './bare-keepalived.ts';
import { distributionOf } from './distribution.ts';
import { IpvsHead } from './ipvs-head.ts';
import { LogTail, type ReloadLine } from './reload-line.ts';
import { below, type Row, type Section } from './result.ts';
import { type Crowd, crowdAddress, crowdOf, deadlineMs, type Site } from './site.ts';

/**
 * Between two reloads: what the one before left to do (the next --config-test is started ahead, health checks
 * of the new server) is not to be counted to the next.
 */
const betweenMs = 250;
/** Well above any server that stays. */
const firstComer = 20_000;
const goalMs = 100;

interface Sample {
  controllerMs: number;
  keepalivedMs: number;
  line: ReloadLine;
}

/** From the rename of a manifest to the kernel, beside keepalived alone from SIGHUP to kernel, turn and turn about. */
export async function measureChanges(site: Site, crowd: Crowd): Promise<Section> {
  const section: Section = {
    title: 'Endpoint change → kernel rule',
    how:
      'one server added or taken away: from the rename of the EndpointSlice file until IPVS of the LB pod holds it, ' +
      'asked again at a tenth of the processor (every 1 to 6 ms); in turn with it a keepalived without a controller on the same files, from SIGHUP',
    rows: [],
    samples: {},
  };
  for (const servers of site.size.servers) {
    site.tell(`${site.size.changes} endpoint changes at ${servers} servers`);
    const samples = await changesAt(site, crowd, servers);
    section.rows.push(...rowsOf(servers, samples));
    section.samples[`controller-${servers}`] = samples.map((sample) => sample.controllerMs);
    section.samples[`keepalived-${servers}`] = samples.map((sample) => sample.keepalivedMs);
  }
  return section;
}

async function changesAt(site: Site, crowd: Crowd, servers: number): Promise<Sample[]> {
  const { pod } = crowd;
  const staying = crowdOf(servers);
  const current = `/proc/${pod.controller.pid}/root/run/keepalived/current`;
  const log = new LogTail(pod.controller.logFile);
  const head = new IpvsHead(pod.controller.pid);
  if (servers !== 10) {
    crowd.prepareChange(staying)();
    await log.nextReload(deadlineMs);
  }
  const files = readFileSet(current);
  const bare = await BareKeepalived.start(
    crowd.beside,
    join(site.lab.runDir, `keepalived-${servers}`),
    files,
  );
  const samples: Sample[] = [];
  try {
    // Two that do not count: the first reload of each costs what later ones do not (code compiled, files cached).
    for (let number = -2; number < site.size.changes; number++) {
      const comer = crowdAddress(firstComer + (number >> 1));
      const wanted = number % 2 === 0 ? 'present' : 'absent';
      const putInPlace = crowd.prepareChange(wanted === 'present' ? [...staying, comer] : staying);
      await sleep(betweenMs);
      const renamedAtMs = performance.now();
      putInPlace();
      const controllerMs = (await head.waitFor(comer, wanted, deadlineMs)) - renamedAtMs;
      const line = await log.nextReload(deadlineMs);
      const changed = readFileSet(current);
      await sleep(betweenMs);
      const hungUpAtMs = bare.reload(changed);
      const keepalivedMs = (await bare.head.waitFor(comer, wanted, deadlineMs)) - hungUpAtMs;
      if (number >= 0) samples.push({ controllerMs, keepalivedMs, line });
    }
  } finally {
    await bare.stop();
    head.close();
    log.close();
  }
  return samples;
}

function rowsOf(servers: number, samples: Sample[]): Row[] {
  const difference = distributionOf(samples.map((sample) => sample.controllerMs - sample.keepalivedMs));
  const part = (name: keyof ReloadLine) => distributionOf(samples.map(({ line }) => line[name]));
  const row = (what: string, figures: Row['figures']): Row => ({ what, unit: 'ms', figures });
  return [
    row(`${servers} servers`, distributionOf(samples.map((sample) => sample.controllerMs))),
    row('  keepalived alone', distributionOf(samples.map((sample) => sample.keepalivedMs))),
    {
      ...row(`  ${servers} servers: above keepalived, pair by pair`, difference),
      goal: below(`p99 < ${goalMs} ms`, goalMs, difference.p99),
    },
    row('  seen, read, planned', distributionOf(samples.map(noticeMs))),
    row('  rendered', part('renderMs')),
    row('  written and tested', part('testMs')),
    row('  put in place, SIGHUP', part('writeMs')),
    row('  kernel verified', part('kernelMs')),
    row('  packet rules verified', part('rulesMs')),
  ];
}

/** What the log line does not have: from the rename to the beginning of the turn. keepalived's part is taken as alone. */
function noticeMs({ controllerMs, keepalivedMs, line }: Sample): number {
  return controllerMs - keepalivedMs - line.renderMs - line.testMs - line.writeMs;
}
