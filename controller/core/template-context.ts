/** What a template can name. Every field is always there (null when it has no value): templates are strict. */
import type { RealServer, RenderPaths, ServedSettings, VirtualService } from './types.ts';

/** Of ipvs.conf.hbs. */
export interface MainContext {
  service: string; // 'default/web'
  notifyFifo: string;
  virtualServices: { key: string; mark: number; file: string }[];
}

/** Of virtual-service.conf.hbs. */
export interface VirtualServiceContext {
  service: string;
  key: string; // 'TCP/80'
  protocol: string;
  port: number;
  /** null as well when the name has other characters than a Kubernetes port name can have */
  portName: string | null;
  mark: number;
  scheduler: string;
  method: string; // 'NAT'
  delayLoopSeconds: number;
  realServers: RealServerContext[];
}

export interface RealServerContext {
  address: string;
  port: number;
  weight: number; // 0 while draining
  draining: boolean;
  upperThreshold: number; // 0: none
  lowerThreshold: number; // 0: the kernel's own, three quarters of the upper one
  /** At most one of the three, none while draining. */
  tcpCheck: { connectTimeoutSeconds: number } | null;
  httpCheck: { connectTimeoutSeconds: number; path: string; statusCode: number } | null;
  udpCheck: { connectTimeoutSeconds: number; payloadHex: string; requireReply: boolean } | null;
}

export function virtualServiceFile({ protocol, port }: VirtualService): string {
  return `virtual-services/${protocol.toLowerCase()}-${port}.conf`;
}

export function mainContext(
  settings: ServedSettings,
  services: readonly VirtualService[],
  { notifyFifo }: RenderPaths,
): MainContext {
  const virtualServices = services.map((service) => ({
    key: service.key,
    mark: service.mark,
    file: virtualServiceFile(service),
  }));
  return { service: nameOf(settings), notifyFifo, virtualServices };
}

export function virtualServiceContext(
  settings: ServedSettings,
  service: VirtualService,
): VirtualServiceContext {
  const { key, protocol, port, portName, mark, realServers } = service;
  return {
    service: nameOf(settings),
    key,
    protocol,
    port,
    portName: portName !== undefined && /^[A-Za-z0-9._-]{1,63}$/.test(portName) ? portName : null,
    mark,
    scheduler: settings.scheduler,
    method: settings.forwarding.method.toUpperCase(),
    delayLoopSeconds: settings.healthCheck.delayLoopSeconds,
    realServers: realServers.map((server) => realServerContext(settings, protocol, server)),
  };
}

function realServerContext(
  { healthCheck, realServer }: ServedSettings,
  protocol: VirtualService['protocol'],
  { address, port, weight, state }: RealServer,
): RealServerContext {
  const { connectTimeoutSeconds, type, http, udp } = healthCheck;
  // A draining server may close its listener while it finishes: a check would take it out, and its flows with it.
  const checked = (type: string) => state === 'active' && kindOfCheck() === type;
  const kindOfCheck = () => (protocol === 'TCP' ? type : udp ? 'udp' : 'none');
  const { path = '/healthz', statusCode = 200 } = http ?? {};
  const { payloadHex = '00', requireReply = false } = udp ?? {};
  return {
    address,
    port,
    weight,
    draining: state === 'draining',
    upperThreshold: realServer.upperThreshold,
    lowerThreshold: realServer.lowerThreshold,
    tcpCheck: checked('tcp') ? { connectTimeoutSeconds } : null,
    httpCheck: checked('http') ? { connectTimeoutSeconds, path, statusCode } : null,
    udpCheck: checked('udp') ? { connectTimeoutSeconds, payloadHex, requireReply } : null,
  };
}

function nameOf({ service }: ServedSettings): string {
  return `${service.namespace}/${service.name}`;
}
