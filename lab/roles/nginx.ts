import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const bodySizes = [10, 100, 1000, 10_000, 100_000];
const downloadMegabytes = [1, 2, 5, 10, 50];

/**
 * Files that every server of the lab serves: /bytes/<n> has a body of exactly n bytes, /download/<n> n megabytes
 * (at 512 kB/s, or as `?rate=` says).
 */
export function writeSite(directory: string): void {
  mkdirSync(join(directory, 'bytes'), { recursive: true });
  mkdirSync(join(directory, 'download'), { recursive: true });
  for (const size of bodySizes) writeFileSync(join(directory, 'bytes', String(size)), 'x'.repeat(size));
  for (const megabytes of downloadMegabytes) {
    const file = join(directory, 'download', String(megabytes));
    writeFileSync(file, '');
    truncateSync(file, megabytes * 1_000_000);
  }
}

export interface NginxPlan {
  name: string;
  ports: number[];
  /** Its own, for pid and temporary files. */
  directory: string;
  siteDir: string;
}

/**
 * One nginx. Its answer to any other path names the pod, the address it was asked from and the port, so that a
 * client sees who served it and through which LB pod. keepalive_requests 100 is what the thesis' byte model counts.
 */
export function nginxConfig({ name, ports, directory, siteDir }: NginxPlan): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
user root;
worker_processes 1;
pid ${join(directory, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type text/plain;
  keepalive_requests 100;
  keepalive_timeout 65s;
  ${temporary.map((kind) => `${kind}_temp_path ${join(directory, kind)};`).join(' ')}
  map $arg_rate $download_rate { default 512k; ~^(?<rate>[0-9]+[km]?)$ $rate; }
  server {
${ports.map((port) => `    listen ${port} backlog=4096;`).join('\n')}
    root ${siteDir};
    location = /healthz { return 200 "ok\\n"; }
    location /bytes/ { }
    location /download/ { limit_rate $download_rate; }
    location / { return 200 "${name} $remote_addr $server_port\\n"; }
  }
}
`;
}
