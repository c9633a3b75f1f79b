import { expect } from 'chai';
import type { Problem } from '../../../../common/problem.ts';
import { runCommand } from '../../../../controller/kernel/command.ts';

const refusal = (file: string, args: string[] = []) =>
  runCommand(file, args).then(
    () => expect.fail('it ran'),
    ({ code, message }: Problem) => ({ code, message }),
  );

describe('kernel: a program of the image', () => {
  it('is run to its end, with its input and what it says', async () => {
    expect(await runCommand('sh', ['-c', 'cat; echo bad >&2; exit 3'], 'rules\n')).to.deep.equal({
      ok: false,
      stdout: 'rules\n',
      stderr: 'bad\n',
    });
    expect(await runCommand('true', [])).to.deep.equal({ ok: true, stdout: '', stderr: '' });
  });

  it('that is not there is told as missing', async () => {
    expect((await refusal('/nowhere/nft')).code).to.equal('COMMAND_MISSING');
  });

  it('that cannot be started is told as such, whether spawn tells it by an event or throws', async () => {
    // /etc/passwd: EACCES, an event; an argument beyond MAX_ARG_STRLEN: E2BIG, thrown as ENOMEM is
    const byEvent = await refusal('/etc/passwd');
    const thrown = await refusal('true', ['x'.repeat(1 << 20)]);
    expect(byEvent.code).to.equal('COMMAND_UNSTARTABLE');
    expect(byEvent.message).to.match(/^\/etc\/passwd cannot be started \(EACCES\): .* it is tried again$/);
    expect(thrown.code).to.equal('COMMAND_UNSTARTABLE');
    expect(thrown.message).to.match(/^true cannot be started \(E2BIG\)/);
  });
});
