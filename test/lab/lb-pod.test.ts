import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { LbPod, ServiceRole } from '../../lab/api.ts';
import { type DataCentre, openLab, waitFor } from '../../lab/lab.ts';

const prefix = '203.0.113.0/28';

describe("the lab's LB pods @both", () => {
  let lab: DataCentre;
  let service: ServiceRole;
  let lb: LbPod;

  before(async () => {
    lab = await openLab({ restartDelayMs: 200 });
    await lab.addDataCentre({ nodes: 2 });
    service = lab.service({ name: 'a', prefixes: [prefix], ports: [{ port: 80, targetPort: 8080 }] });
    await service.setServers(2);
    lb = await lab.addLbPod({ service });
    await lb.ready();
    await lab.routers[0]?.waitForNextHops(prefix, [lb.node.address]);
  });
  after(() => lab.close());

  it('requests go from the client over router, node and LB pod to the servers', async () => {
    const urls = [service.url(1), service.url(14)];
    const report = await lab.clients[0]?.requests({ urls, count: 40, timeoutMs: 20_000 });
    expect(report?.failed).to.deep.equal([]);
    expect(report?.perLbPod).to.deep.equal({ [lb.address]: 40 });
    expect(Object.keys(report?.perServer ?? {})).to.have.members(['a-srv-1', 'a-srv-2']);
    expect(await lb.ipvs()).to.match(/FWM +1 lc\n.*:8080 +Masq.*\n.*:8080 +Masq/);
  });

  it('a container has processes, mounts, uid and capabilities of its own', async () => {
    const look =
      'cat /proc/1/status; touch /etc/x 2>&1; echo 1 2>&1 > /proc/sys/net/ipv4/ip_forward; hostname';
    const inside = (name: 'controller' | 'sidecar') => lb[name].exec(['sh', '-c', `(${look}) 2>&1`]);
    const [controller, sidecar] = await Promise.all([inside('controller'), inside('sidecar')]);
    const netAdmin = 1 << 12;
    const netRaw = 1 << 13;
    const hasNft = process.env.LAB_KERNEL !== '6.1';
    for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
      const held = Number.parseInt(new RegExp(`${set}:\\s+(\\w+)`).exec(controller)?.[1] ?? '', 16);
      expect(held, set).to.equal(hasNft ? netAdmin : netAdmin | netRaw);
    }
    expect(controller).to.match(/Uid:\s+0\s/);
    expect(sidecar).to.match(/Uid:\s+65532\s/);
    expect(sidecar).to.match(/CapEff:\s+0+\n/);
    expect(sidecar).to.match(/CapBnd:\s+0+\n/);
    for (const text of [controller, sidecar]) {
      expect(text).to.match(/NoNewPrivs:\s+1/);
      expect(text).to.match(/Name:\s+(node|MainThread)/);
      expect(text).to.match(/touch: .*Read-only file system/);
      expect(text).to.match(/ip_forward: Read-only file system/);
      expect(text).to.include(lb.name);
    }
    expect(lb.controller.pids(/keepalived/)).not.to.deep.equal([]);
    expect(lb.sidecar.pids(/keepalived/)).to.deep.equal([]);
  });

  it('SIGKILL of the first process ends all of a container; it comes back and the pod is ready again', async () => {
    const before = lb.controller.pids(/./);
    expect(before.length).to.be.greaterThan(1);
    await lb.controller.kill();
    await waitFor('the container to be gone', () => {
      const left = before.filter((pid) => existsSync(`/proc/${pid}`));
      return left.length === 0 || { notYet: `pids ${left.join(', ')}` };
    });
    expect(lb.controller.exits).to.deep.equal([137]);
    await lb.controller.waitForLog(/\[lab\] a-lb-1.controller ended with 137/);
    await waitFor('a new first process', () => lb.controller.pid !== 0);
    expect(lb.controller.restarts).to.equal(1);
    await lb.ready();
  });

  it('settings change as a ConfigMap does: links, swapped as a whole', async () => {
    await lb.updateSettings({ scheduler: 'wlc' });
    const text = await lb.sidecar.exec(['cat', '/etc/portable-lb/settings.yaml']);
    expect(text).to.include('scheduler: wlc');
    expect(await lb.sidecar.exec(['readlink', '/etc/portable-lb/settings.yaml'])).to.equal(
      '..data/settings.yaml\n',
    );
    await waitFor('wlc in IPVS', async () => {
      const rules = await lb.ipvs();
      return rules.includes('FWM  1 wlc') || { notYet: rules };
    });
  });

  it('a limited link passes what its rate says', async () => {
    const url = service.url(3, { path: '/bytes/100000' });
    await lb.limitLink('8mbit');
    const before = lb.linkUsage();
    const startedAtMs = performance.now();
    const report = await lab.clients[0]?.requests({
      urls: [url],
      count: 30,
      concurrency: 4,
      timeoutMs: 60_000,
    });
    const seconds = (performance.now() - startedAtMs) / 1000;
    const wireBits = (lb.linkUsage().sentWireBytes - before.sentWireBytes) * 8;
    await lb.unlimitLink();
    expect(report?.failed).to.deep.equal([]);
    // Thirty bodies of 100 kB and their headers, and never faster than the link: its burst is 16 kB.
    expect(wireBits).to.be.greaterThan(30 * 100_000 * 8);
    expect(wireBits / seconds).to.be.lessThan(8_000_000 * 1.1);
  });

  it('terminate: both end by SIGTERM with 0, and namespace, manifest and next-hop are gone', async () => {
    const second = await lab.addLbPod({ service });
    await second.ready();
    expect(second.node).not.to.equal(lb.node);
    await lab.routers[0]?.waitForNextHops(prefix, 2);
    const ended = await second.terminate();
    expect(ended).to.include({ controller: 0, sidecar: 0 });
    await lab.routers[0]?.waitForNextHops(prefix, [lb.node.address]);
    expect(existsSync(second.netns)).to.equal(false);
  });

  it('kill: the whole pod goes without a goodbye, and the next-hop after the hold time', async () => {
    const pids = [lb.controller.pid, lb.sidecar.pid];
    const killedAtMs = performance.now();
    await lb.kill();
    expect(pids.filter((pid) => isAlive(pid))).to.deep.equal([]);
    const change = await lab.routers[0]?.waitForNextHops(prefix, 0);
    // Hold time 9 s: the last keepalive was up to 3 s old.
    expect((change?.atMs ?? 0) - killedAtMs).to.be.greaterThan(4000);
  });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
