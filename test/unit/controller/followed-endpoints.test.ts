import { expect } from 'chai';
import { parseSettings, type Settings } from '../../../common/settings.ts';
import { followEndpoints } from '../../../controller/followed-endpoints.ts';

function settings(text: string): Settings {
  const read = parseSettings(`vip: { prefixes: [203.0.113.0/28] }\n${text}`, 'settings.yaml');
  if (!read.settings) throw read.problems[0];
  return read.settings;
}

describe('followed endpoints', () => {
  it('changes the source only for another Service or directory, the old one ended before the new one begins', async () => {
    const did: string[] = [];
    const silent = () => undefined;
    const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
    const endpoints = followEndpoints(log, silent, ({ service }) => ({
      start: async () => void did.push(`start ${service.name}`),
      stop: async () => void did.push(`stop ${service.name}`),
    }));
    endpoints.follow(settings('service: { name: web }'));
    endpoints.follow(settings('service: { name: web }\nscheduler: rr'));
    endpoints.follow(settings('service: { name: shop }'));
    await endpoints.stop();
    expect(did).to.deep.equal(['start web', 'stop web', 'start shop', 'stop shop']);
  });
});
