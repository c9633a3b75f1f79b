import { expect } from 'chai';
import { createLogger } from '../../../common/log.ts';
import { Problem } from '../../../common/problem.ts';

function memory() {
  const lines: string[] = [];
  return { lines, stream: { write: (line: string) => void lines.push(line) } };
}

describe('log', () => {
  it('writes one JSON object a line, with the fields passed through', () => {
    const { lines, stream } = memory();
    const log = createLogger({ program: 'controller', stream });
    log.child({ service: 'default/web' }).info('reload', { added: 2, ports: ['TCP/80'] }, 'web +2');
    const entry = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(new Date(entry.time as string).toISOString()).to.equal(entry.time);
    expect(Object.keys(entry)).to.deep.equal([
      'level',
      'time',
      'program',
      'service',
      'event',
      'added',
      'ports',
      'msg',
    ]);
    expect(entry).to.include({
      level: 'info',
      program: 'controller',
      service: 'default/web',
      event: 'reload',
      added: 2,
      msg: 'web +2',
    });
  });

  it('keeps the words of an error, and no field stands twice', () => {
    const { lines, stream } = memory();
    createLogger({ program: 'controller', stream }).error(
      'apply',
      { error: new Problem('DISK', 'full'), level: 3 },
      'no',
    );
    const entry = JSON.parse(lines[0] ?? '');
    expect(entry.error).to.include({ message: 'full', code: 'DISK' });
    expect(entry).to.include({ level: 'error', level_: 3 });
    expect(lines[0]?.match(/"level"/g)).to.have.length(1);
  });

  it('leaves out what is below its level', () => {
    const { lines, stream } = memory();
    const log = createLogger({ program: 'controller', level: 'warn', stream });
    log.info('a', {}, 'a');
    log.warn('b', {}, 'b');
    expect(lines).to.have.length(1);
  });

  it('writes a line for a person, with an escape for what would break it', () => {
    const { lines, stream } = memory();
    const log = createLogger({ program: 'controller', format: 'text', stream });
    log.info(
      'reload',
      { service: 'default/web', took: { writeMs: 1 } },
      'default/web 80/TCP +2 -1 drained 1',
    );
    log.warn('check', { why: 'no answer', error: new Error('timed out') }, 'server\nout');
    expect(lines[0]).to.match(
      /^\d\d:\d\d:\d\d\.\d{3} info {3}reload {2}default\/web 80\/TCP \+2 -1 drained 1 {2}service=default\/web\n$/,
    );
    expect(lines[1]).to.match(/ warn {3}check {2}server\\nout {2}why="no answer" error="timed out"\n$/);
  });
});
