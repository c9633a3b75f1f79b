import { setTimeout as sleep } from 'node:timers/promises';
import { type Memory, memoryOf } from './memory.ts';
import { LogTail } from './reload-line.ts';
import { atMost, type Row, type Section } from './result.ts';
import { type Crowd, crowdAddress, crowdOf, deadlineMs, type Site } from './site.ts';

const servers = 500;
const goalsMB: Record<string, number> = { controller: 95, 'bgp-sidecar': 75 };
const firstComer = 30_000;

interface LogVolume {
  lines: number;
  bytes: number;
}

/** Memory of each process of an LB pod and what it logs, after its start and after many changes. */
export async function measureFootprint(site: Site, crowd: Crowd): Promise<Section> {
  const { changes, idleSeconds } = site.size;
  site.tell(`${changes} endpoint changes at ${servers} servers, then ${idleSeconds} s of rest`);
  const controllerLog = new LogTail(crowd.pod.controller.logFile);
  const sidecarLog = new LogTail(crowd.pod.sidecar.logFile);
  const loggedSince = (): LogVolume => {
    controllerLog.take();
    sidecarLog.take();
    const sum = {
      lines: controllerLog.lines + sidecarLog.lines,
      bytes: controllerLog.bytes + sidecarLog.bytes,
    };
    for (const log of [controllerLog, sidecarLog]) [log.lines, log.bytes] = [0, 0];
    return sum;
  };
  if (crowd.servers() !== servers) {
    crowd.prepareChange(crowdOf(servers))();
    await controllerLog.nextReload(deadlineMs);
  }
  loggedSince();
  for (let number = 0; number < changes; number++) {
    const staying = crowdOf(servers);
    crowd.prepareChange(number % 2 === 0 ? [...staying, crowdAddress(firstComer + number)] : staying)();
    await controllerLog.nextReload(deadlineMs);
  }
  const changing = loggedSince();
  await sleep(idleSeconds * 1000);
  const idle = loggedSince();
  const memory = memoryOf(crowd.pod);
  controllerLog.close();
  sidecarLog.close();
  return {
    title: 'Footprint of an LB pod',
    how: `RSS and PSS (MB of 10^6 bytes) after its start with 10 servers, and after ${changes} changes at ${servers} servers; log lines and bytes of both containers`,
    rows: [
      ...memoryRows(crowd.memoryAtStart, memory),
      one('log lines per change', 'lines', changing.lines / changes),
      one('log bytes per change', 'bytes', Math.round(changing.bytes / changes)),
      one('log lines per idle hour', 'lines', Math.round((idle.lines * 3600) / idleSeconds)),
      one('log bytes per idle hour', 'bytes', Math.round((idle.bytes * 3600) / idleSeconds)),
    ],
    samples: {},
  };
}

function memoryRows(atStart: Map<string, Memory>, later: Map<string, Memory>): Row[] {
  return [...later].flatMap(([name, memory]) => {
    const limit = goalsMB[name];
    const goal = limit === undefined ? {} : { goal: atMost(`≤ ${limit} MB`, limit, memory.rssMB) };
    const started = atStart.get(name);
    return [
      ...(started === undefined ? [] : [one(`${name}: RSS after start`, 'MB', started.rssMB)]),
      { ...one(`${name}: RSS after the changes`, 'MB', memory.rssMB), ...goal },
      one(`${name}: PSS after the changes`, 'MB', memory.pssMB),
    ];
  });
}

function one(what: string, unit: Row['unit'], value: number): Row {
  return { what, unit, figures: { value: Math.round(value * 10) / 10 } };
}
