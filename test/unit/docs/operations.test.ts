/** docs/operations.md names every metric, log line and Event that the programs have, and no others. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Registry } from 'prom-client';
import * as sidecar from '../../../bgp-sidecar/metrics.ts';
import * as controller from '../../../controller/metrics.ts';
import * as nodeRouter from '../../../node-router/metrics.ts';

const checkout = join(import.meta.dirname, '../../..');
const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');

interface Table {
  /** the last heading above it */
  heading: string;
  header: string;
  /** what stands in backticks in the first cell of each row */
  names: string[];
}

function readTables(text: string): Table[] {
  const tables: Table[] = [];
  let heading = '';
  let table: Table | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) heading = line.replace(/^#+ /, '');
    const first = /^\| ?(.*?) ?\|/.exec(line)?.[1];
    if (first === undefined) table = undefined;
    else if (table === undefined) {
      table = { heading, header: first, names: [] };
      tables.push(table);
    } else for (const [, name = ''] of first.matchAll(/`([^`]+)`/g)) table.names.push(name);
  }
  return tables;
}

const tables = readTables(page);
const namesOf = (chosen: Table[]) => [...new Set(chosen.flatMap(({ names }) => names))].sort();

/** Those of the metrics of a program, with its prefix put before each name, labels in braces. */
function toldMetrics(prefix: string): string[] {
  const chosen = tables.filter(({ header }) => header === `\`${prefix}…\``);
  return namesOf(chosen).map((name) => prefix + name);
}

interface Labelled {
  name: string;
  labelNames?: string[];
}

function registeredMetrics(registry: Registry): string[] {
  const metrics = registry.getMetricsAsArray() as unknown as Labelled[];
  return metrics
    .map(({ name, labelNames = [] }) => (labelNames.length > 0 ? `${name}{${labelNames.join(',')}}` : name))
    .sort();
}

/** The words that its log lines have as `event`; what is worked out at run time becomes `…`. */
function loggedEvents(...rooms: string[]): string[] {
  const call = /\blog(?:\.(?:debug|info|warn|error)|\[[^\]]+\])\(\s*(['`])([^'`]+)\1/g;
  const events = new Set<string>();
  for (const file of rooms.flatMap((room) => globSync(join(checkout, room, '**/*.ts'))))
    for (const [, , event = ''] of readFileSync(file, 'utf8').matchAll(call))
      events.add(event.replace(/\$\{.*\}/, '…'));
  // `keepalived-died` is one of `keepalived-…`
  const open = [...events].filter((event) => event.endsWith('…')).map((event) => event.slice(0, -1));
  return [...events]
    .filter((event) => event.endsWith('…') || !open.some((start) => event.startsWith(start)))
    .sort();
}

const toldEvents = (heading: string) =>
  namesOf(tables.filter((table) => table.heading === heading && table.header === 'event'));

describe('docs/operations.md', () => {
  it('tells of each metric of the controller, with its labels', () => {
    const { registry } = controller.createMetrics({ snapshotAgeSeconds: () => undefined });
    expect(toldMetrics('portable_lb_')).to.deep.equal(registeredMetrics(registry));
  });
  it('tells of each metric of the bgp-sidecar, with its labels', () => {
    const status = () => ({ prefixes: {}, peers: {} });
    const { registry } = sidecar.createMetrics({ status, leaseAgeSeconds: () => undefined });
    expect(toldMetrics('portable_lb_bgp_')).to.deep.equal(registeredMetrics(registry));
  });
  it('tells of each metric of the node router, with its labels', () => {
    const age = () => undefined;
    const { registry } = nodeRouter.createMetrics({ snapshotAgeSeconds: age, confirmedAgeSeconds: age });
    expect(toldMetrics('portable_lb_node_router_')).to.deep.equal(registeredMetrics(registry));
  });

  // common/health.ts writes the one line that all three have
  it('tells of each log line of the controller', () => {
    expect(toldEvents('Log lines of the controller')).to.deep.equal(loggedEvents('controller', 'common'));
  });
  it('tells of each log line of the bgp-sidecar', () => {
    expect(toldEvents('Log lines of the bgp-sidecar')).to.deep.equal(loggedEvents('bgp-sidecar', 'common'));
  });
  it('tells of each log line of the node router', () => {
    expect(toldEvents('The node router')).to.deep.equal(loggedEvents('node-router', 'common'));
  });

  it('tells of each reason of an Event', () => {
    const text = readFileSync(join(checkout, 'controller/cluster/service-events.ts'), 'utf8');
    const reasons = [...text.matchAll(/reason: '(\w+)'/g)].map(([, reason]) => reason);
    const told = tables.filter(({ header }) => header === 'reason');
    expect(namesOf(told)).to.deep.equal([...new Set(reasons)].sort());
  });
});
