/** Manifests and settings → the whole rendered text, one golden file each; `node …/golden/write.ts` writes them anew. */
import { noneDeparting, stepDeparting } from '../../../../../controller/core/departing.ts';
import { computeDesired } from '../../../../../controller/core/desired.ts';
import { emptyMarks } from '../../../../../controller/core/marks.ts';
import { render } from '../../../../../controller/core/render.ts';
import type { Snapshot } from '../../../../../controller/core/types.ts';
import {
  defaults,
  leaving,
  paths,
  serviceOf,
  settingsOf,
  sliceOf,
  snapshotOf,
  unready,
  up,
} from '../builders.ts';

export interface GoldenCase {
  settings?: string;
  prefixes?: string;
  /** One after the other, a second apart; the files of the last are golden. */
  snapshots: Snapshot[];
}

const web = serviceOf([{ name: 'http', port: 80 }]);
const dns = serviceOf([
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
]);
const threePods = ['172.16.21.2', '172.16.30.2', '172.16.72.2'].map((at) => ({ at, ...up }));
const webSnapshot = snapshotOf(web, sliceOf('a', ['http=80'], threePods));
const dnsSnapshot = snapshotOf(dns, sliceOf('a', ['dns=5353/UDP', 'dns-tcp=5300'], threePods.slice(0, 2)));

export const cases: Record<string, GoldenCase> = {
  'one-port': { snapshots: [webSnapshot] },
  'two-prefixes': { prefixes: '[203.0.113.0/28, 198.51.100.0/24]', snapshots: [webSnapshot] },
  'tcp-and-udp': { snapshots: [dnsSnapshot] },
  'udp-check': {
    settings: 'healthCheck: {udp: {payloadHex: "0a0b", requireReply: true}}',
    snapshots: [dnsSnapshot],
  },
  'http-check': {
    settings:
      'healthCheck: {type: http, connectTimeoutSeconds: 2, delayLoopSeconds: 3, http: {path: "/ok?full=1", statusCode: 204}}',
    snapshots: [webSnapshot],
  },
  'no-check': {
    settings: 'healthCheck: {type: none}\nscheduler: wrr\nrealServer: {weight: 100, upperThreshold: 0}',
    snapshots: [webSnapshot],
  },
  draining: {
    snapshots: [
      snapshotOf(
        web,
        sliceOf(
          'a',
          ['http=8080'],
          [
            { at: '10.0.0.10', ...up },
            { at: '10.0.0.9', ...leaving },
          ],
        ),
        sliceOf('b', ['http=8081'], [{ at: '10.0.0.2', ...unready }]),
      ),
    ],
  },
  'last-resort': {
    snapshots: [
      snapshotOf(
        web,
        sliceOf(
          'a',
          ['http=80'],
          [
            { at: '10.0.0.1', ...leaving },
            { at: '10.0.0.2', ...unready },
          ],
        ),
      ),
    ],
  },
  'no-servers': { snapshots: [snapshotOf(web)] },
  'port-leaves': {
    snapshots: [
      snapshotOf(
        serviceOf([
          { name: 'http', port: 80 },
          { name: 'admin', port: 9000 },
        ]),
        sliceOf('a', ['http=80', 'admin=9000'], threePods),
      ),
      snapshotOf(serviceOf([{ name: 'admin', port: 9000 }]), sliceOf('a', ['admin=9000'], threePods)),
    ],
  },
};

export function renderCase({ settings: more, prefixes, snapshots }: GoldenCase): string {
  const settings = settingsOf(more, prefixes);
  let departing = noneDeparting();
  let marks = emptyMarks();
  let text = '';
  for (const [second, snapshot] of snapshots.entries()) {
    const desired = computeDesired(settings, snapshot, marks);
    if ('refused' in desired) throw desired.refused[0];
    const stepped = stepDeparting(departing, {
      nowMs: second * 1000,
      virtualServices: desired.virtualServices,
      prefixes: settings.vip.prefixes,
      announced: undefined,
      withdrawDeadlineMs: 3000,
      drainMs: settings.drain.seconds * 1000,
    });
    departing = stepped.departing;
    marks = desired.marks;
    const files = render(defaults, settings, stepped.output.virtualServices, paths);
    text = Object.entries(files)
      .map(([file, content]) => `# ===== ${file}\n${content}`)
      .join('');
  }
  return text;
}
