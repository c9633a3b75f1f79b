import { get } from 'node:http';

export interface Answer {
  status: number;
  body: string;
}

/** A GET by the kubelet's way: from outside of the pod to its address. Rejects when nothing answers. */
export function probe(address: string, port: number, path: string, timeoutMs = 1000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = get({ host: address, port, path, agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    sent.on('timeout', () =>
      sent.destroy(new Error(`no answer from ${address}:${port} within ${timeoutMs} ms`)),
    );
    sent.on('error', reject);
  });
}

/** A value of the Prometheus text format: the sum of the samples whose labels fit. */
export function metricValue(
  text: string,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(\{.*\})?\s+(\S+)/.exec(line);
    if (match === null || match[1] !== name) continue;
    const held = match[2] ?? '';
    if (Object.entries(labels).every(([key, value]) => held.includes(`${key}="${value}"`)))
      sum = (sum ?? 0) + Number(match[3]);
  }
  return sum;
}
