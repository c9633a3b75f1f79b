import { expect } from 'chai';
import { parseSettings } from '../../../common/settings.ts';
import type { Configuration } from '../../../controller/configuration.ts';
import { compileTemplates } from '../../../controller/core/render.ts';
import type { Snapshot } from '../../../controller/core/types.ts';
import { createPlanner, type Plan } from '../../../controller/plan.ts';
import { templateSources } from '../../../controller/templates.ts';

const templates = compileTemplates(templateSources({}, '/templates'));

function configuration(prefix: string): Configuration {
  const text = `service: { name: web }\nvip: { prefixes: [${prefix}] }\ndrain: { seconds: 10 }\n`;
  const { settings, problems } = parseSettings(text, 'settings.yaml');
  if (!settings) throw problems[0];
  return { settings, templates };
}

function snapshot(address: string): Snapshot {
  const metadata = { name: 'web', namespace: 'default' };
  return {
    takenAtMs: 0,
    service: { metadata, spec: { ports: [{ port: 80 }] } },
    slices: [
      {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ port: 8080 }],
        endpoints: [{ addresses: [address] }],
      },
    ],
  };
}

describe('plan', () => {
  const planner = () =>
    createPlanner({
      marks: { marks: {}, next: 1 },
      notifyFifo: '/run/keepalived/notify.fifo',
      announced: async () => undefined,
      saveMarks: async () => undefined,
    });
  const planned = (plan: Plan | { refused: Error[] }): Plan => {
    if ('refused' in plan) throw plan.refused[0];
    return plan;
  };

  it('is the same one while nothing changes, and another when anything does', async () => {
    const { plan, keep } = planner();
    const [settings, seen] = [configuration('203.0.113.0/28'), snapshot('10.42.1.2')];
    const first = planned(await plan(settings, seen, 0));
    expect(await plan(settings, seen, 1000), 'before it is kept').to.not.equal(first);
    await keep(planned(await plan(settings, seen, 2000)));
    const kept = await plan(settings, seen, 3000);
    expect(await plan(settings, seen, 4000)).to.equal(kept);
    expect(await plan(settings, snapshot('10.42.1.2'), 5000)).to.not.equal(kept);
    expect(await plan(configuration('203.0.113.0/28'), seen, 5000)).to.not.equal(kept);
  });

  it('moves on while something leaves, though nothing is new', async () => {
    const { plan, keep } = planner();
    const seen = snapshot('10.42.1.2');
    await keep(planned(await plan(configuration('203.0.113.0/28'), seen, 0)));
    const settings = configuration('198.51.100.0/28');
    const prefixesAt = async (nowMs: number) => {
      const next = planned(await plan(settings, seen, nowMs));
      await keep(next);
      return next.keptPrefixes;
    };
    expect(await prefixesAt(1000)).to.deep.equal(['198.51.100.0/28', '203.0.113.0/28']);
    expect(await prefixesAt(5000)).to.deep.equal(['198.51.100.0/28', '203.0.113.0/28']);
    expect(await prefixesAt(15_000)).to.deep.equal(['198.51.100.0/28']);
  });
});
