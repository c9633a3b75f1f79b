import { expect } from 'chai';
import { readOutputLine } from '../../../../controller/keepalived/output.ts';

const at = 'Sat Nov  1 09:02:04 2026: ';

describe('keepalived output', () => {
  const milestones: [string, object | undefined][] = [
    ['Starting Healthcheck child process, pid=126', { kind: 'child-started', pid: 126 }],
    ['Startup complete', { kind: 'loaded' }],
    ['Reload complete', { kind: 'loaded' }],
    ['read eventfd count 1, num_reloading 0', { kind: 'loaded' }],
    ['Healthcheck child process(126) died: Respawning', { kind: 'child-died', pid: 126 }],
    ['New config failed validation, see /tmp/x for details', { kind: 'reload-refused' }],
    ['Cannot change network namespace at a reload - please restart keepalived', { kind: 'reload-refused' }],
    ['Reloading ...', undefined],
  ];
  for (const [message, milestone] of milestones) {
    it(`${message} → ${JSON.stringify(milestone)}`, () => {
      expect(readOutputLine(at + message, 'idle').milestone).to.deep.equal(milestone);
    });
  }

  const levels: [string, 'busy' | 'idle', string][] = [
    ['Removing service [10.0.0.1]:none:80 from VS FWM 1', 'idle', 'warn'],
    ['Removing service [10.0.0.1]:none:80 from VS FWM 1', 'busy', 'debug'],
    ['Adding service [10.0.0.1]:none:80 to VS FWM 1', 'idle', 'info'],
    ['TCP_CHECK on service [10.0.0.1]:none:80 failed.', 'idle', 'warn'],
    ['Lost quorum 1-0=1 > 0 for VS FWM 1', 'idle', 'warn'],
    ['Gained quorum 1+0=1 <= 2 for VS FWM 1', 'busy', 'debug'],
    ['Healthcheck child process(126) died: Respawning', 'busy', 'warn'],
    ["IPVS: Can't initialize ipvs: No such file or directory", 'busy', 'error'],
    ['pid 6023 exited with permanent error FATAL. Terminating', 'busy', 'error'],
    ['IPVS cmd IP_VS_SO_SET_ADD(1154) error: Service already exists(17) (Fwm 1)', 'busy', 'debug'],
    ['IPVS cmd IP_VS_SO_SET_ADDDEST(1159) error: Permission denied(1) (Fwm 1)', 'busy', 'warn'],
    ['Activating healthchecker for service [10.0.0.1]:none:80 for VS FWM 1', 'idle', 'debug'],
  ];
  for (const [message, state, level] of levels) {
    it(`is ${level} when ${state}: ${message}`, () => {
      expect(readOutputLine(at + message, state)).to.deep.include({ message, level });
    });
  }

  it('leaves a line without a time as it is', () => {
    expect(readOutputLine('setpriv: failed to execute keepalived', 'busy').message).to.equal(
      'setpriv: failed to execute keepalived',
    );
  });
});
