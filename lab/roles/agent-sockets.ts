import { createSocket } from 'node:dgram';
import { connect as tcpConnect } from 'node:net';

/** What a TCP connect gives: open, refused, timeout or the error's code. */
export function connect({
  address,
  port,
  timeoutMs,
}: {
  address: string;
  port: number;
  timeoutMs: number;
}): Promise<string> {
  return new Promise((resolve) => {
    const socket = tcpConnect({ host: address, port, timeout: timeoutMs });
    const finish = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => finish('open'));
    socket.on('timeout', () => finish('timeout'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'refused' : String(error.code)),
    );
  });
}

/** One datagram and its answer. */
export function udp({
  address,
  port,
  text,
  timeoutMs,
}: {
  address: string;
  port: number;
  text: string;
  timeoutMs: number;
}): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish('timeout'), timeoutMs);
    socket.on('message', (message) => finish(message.toString().trim()));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'refused' : String(error.code)),
    );
    // Connected: only so does an ICMP port unreachable reach the socket.
    socket.connect(port, address, () => socket.send(text));
  });
}
