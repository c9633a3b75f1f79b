/**
 * The kernel's word that something about links or routes changed. It makes the next verification come at once; what
 * is missed here is found by the one that comes every few seconds.
 */
import { createNetlink, type NetlinkMessage, Protocol } from 'netlink';
import { decodeRoute } from './codec.ts';

const group = { link: 1, ipv4Route: 7 }; // RTNLGRP_*
const rtm = { newLink: 16, deleteLink: 17, newRoute: 24, deleteRoute: 25 };

export type KernelEvent =
  | { readonly kind: 'link' }
  | { readonly kind: 'route'; readonly prefix: string }
  /** messages were lost, or the socket is: anything may have changed */
  | { readonly kind: 'unknown' };

export interface EventOptions {
  /** The port of the socket whose own changes are of no interest. */
  ownPort(): number | undefined;
  onEvent(event: KernelEvent): void;
}

/** Throws when the socket cannot be opened. */
export function listenToKernel({ ownPort, onEvent }: EventOptions): { close(): void } {
  const socket = createNetlink(Protocol.ROUTE);
  socket.ref(true);
  socket.on('error', () => onEvent({ kind: 'unknown' }));
  socket.on('invalid', () => onEvent({ kind: 'unknown' }));
  socket.on('truncatedMessage', () => onEvent({ kind: 'unknown' }));
  socket.on('message', (messages: NetlinkMessage[]) => {
    for (const message of messages) {
      const event = readEvent(message);
      if (event !== undefined && (event.kind !== 'route' || message.port !== ownPort())) onEvent(event);
    }
  });
  socket.addMembership(group.link);
  socket.addMembership(group.ipv4Route);
  return { close: () => socket.close() };
}

function readEvent({ type, data }: NetlinkMessage): KernelEvent | undefined {
  if (type === rtm.newLink || type === rtm.deleteLink) return { kind: 'link' };
  if (type !== rtm.newRoute && type !== rtm.deleteRoute) return undefined;
  const route = decodeRoute(data);
  return route === undefined ? undefined : { kind: 'route', prefix: route.prefix };
}
