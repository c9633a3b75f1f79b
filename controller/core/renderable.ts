/** The last gate before keepalived's grammar: nothing but these shapes gets into a file, schema or not. */
import { isIPv4 } from 'node:net';
import { isPort } from './addresses.ts';
import { refusals } from './errors.ts';
import type { RenderPaths, ServedSettings, VirtualService } from './types.ts';

type Need = (good: boolean, field: string, value: unknown, accepted: string) => void;

const need: Need = (good, field, value, accepted) => {
  if (!good) throw refusals.NOT_RENDERABLE(field, JSON.stringify(value)?.slice(0, 80) ?? 'nothing', accepted);
};

/** Throws NOT_RENDERABLE. */
export function checkValues(
  settings: ServedSettings,
  services: readonly VirtualService[],
  { notifyFifo }: RenderPaths,
) {
  const path = 'an absolute path of A-Z a-z 0-9 . _ - /';
  need(/^\/[A-Za-z0-9._/-]*$/.test(notifyFifo), 'the path of the notify FIFO', notifyFifo, path);
  checkSettings(settings);
  for (const service of services) checkService(service);
}

function checkSettings({ scheduler, healthCheck, realServer, service }: ServedSettings) {
  need(/^[a-z][a-z0-9_-]*$/.test(scheduler), 'scheduler', scheduler, 'the name of an IPVS scheduler');
  need(
    /^[A-Za-z0-9._-]+$/.test(`${service.namespace}.${service.name}`),
    'service',
    service,
    'Kubernetes names',
  );
  const { http, udp, connectTimeoutSeconds, delayLoopSeconds } = healthCheck;
  const { upperThreshold, lowerThreshold } = realServer;
  const counts = {
    upperThreshold,
    lowerThreshold,
    connectTimeoutSeconds,
    delayLoopSeconds,
    statusCode: http?.statusCode ?? 200,
  };
  for (const [field, value] of Object.entries(counts)) need(isCount(value), field, value, 'a number');
  const url = /^\/[A-Za-z0-9\-._~%/?=&+:@,]*$/;
  need(url.test(http?.path ?? '/'), 'healthCheck.http.path', http?.path, 'the path of a URL');
  const hex = /^([0-9a-fA-F]{2})*$/;
  need(
    hex.test(udp?.payloadHex ?? ''),
    'healthCheck.udp.payloadHex',
    udp?.payloadHex,
    'pairs of hexadecimal digits',
  );
}

function checkService({ key, mark, port, protocol, realServers }: VirtualService) {
  need(isCount(mark) && mark > 0 && mark <= 0x7fffffff, `the mark of ${key}`, mark, '1 to 2147483647');
  const good = isPort(port) && /^(TCP|UDP)$/.test(protocol) && key === `${protocol}/${port}`;
  need(good, 'a port of the Service', key, 'TCP or UDP and 1 to 65535');
  for (const server of realServers) {
    need(isIPv4(server.address), `an address of ${key}`, server.address, 'an IPv4 address');
    need(isPort(server.port), `a real server's port of ${key}`, server.port, '1 to 65535');
    need(isCount(server.weight) && server.weight <= 65535, `a weight of ${key}`, server.weight, '0 to 65535');
    const stands = server.state === 'draining' ? server.weight === 0 : server.weight > 0;
    need(stands, `the state of ${key}`, server.state, 'draining with weight 0, active with more');
  }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
