/** Manifests and settings as short as a test can say them. */
import type {
  V1EndpointConditions,
  V1EndpointSlice,
  V1Service,
  V1ServicePort,
} from '@kubernetes/client-node';
import { Problem } from '../../../../common/problem.ts';
import { parseSettings } from '../../../../common/settings.ts';
import { compileTemplates } from '../../../../controller/core/render.ts';
import type { ServedSettings, Snapshot, VirtualService } from '../../../../controller/core/types.ts';
import { mainTemplate, virtualServiceTemplate } from '../../../../controller/templates/defaults.ts';

export const paths = { notifyFifo: '/run/keepalived/notify.fifo' };
export const defaults = compileTemplates({ main: mainTemplate, virtualService: virtualServiceTemplate });

/** The settings of Service default/web, with further lines of YAML. */
export function settingsOf(more = '', prefixes = '[203.0.113.0/28]'): ServedSettings {
  const text = `service: {name: web}\nvip: {prefixes: ${prefixes}}\n${more}`;
  const { settings, problems } = parseSettings(text, 'settings.yaml');
  if (!settings) throw problems[0];
  return { ...settings, service: { namespace: 'default', name: 'web' } };
}

export function serviceOf(ports: Partial<V1ServicePort>[], spec: object = {}): V1Service {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: ports as V1ServicePort[], ...spec },
  };
}

export interface Pod extends Partial<V1EndpointConditions> {
  at: string;
}

/** One EndpointSlice; ports as 'name=number', '=number' for a port without a name, '/UDP' at the end. */
export function sliceOf(name: string, ports: string[], pods: Pod[], more: object = {}): V1EndpointSlice {
  return {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: ports.map((text) => {
      const [port = '', protocol = 'TCP'] = text.split('/');
      const [portName = '', number = ''] = port.split('=');
      return { name: portName, port: Number(number), protocol };
    }),
    endpoints: pods.map(({ at, ...conditions }) => ({ addresses: [at], conditions })),
    ...more,
  };
}

export function snapshotOf(service: V1Service | undefined, ...slices: V1EndpointSlice[]): Snapshot {
  return { ...(service ? { service } : {}), slices, takenAtMs: 0 };
}

export const up = { ready: true, serving: true, terminating: false };
export const unready = { ready: false, serving: false, terminating: false };
export const leaving = { ready: false, serving: true, terminating: true };

/** One port with a server that takes connections and one that drains. */
export const web: VirtualService = {
  key: 'TCP/80',
  portName: 'http',
  protocol: 'TCP',
  port: 80,
  mark: 1,
  realServers: [
    { address: '10.0.0.1', port: 8080, weight: 1, state: 'active' },
    { address: '10.0.0.2', port: 8080, weight: 0, state: 'draining' },
  ],
};

/** The Problem that is thrown. */
export function refusalOf(act: () => unknown): Problem {
  try {
    act();
  } catch (problem) {
    if (problem instanceof Problem) return problem;
    throw problem;
  }
  throw new Error('nothing was refused');
}
