import { Writable } from 'node:stream';

/** Lines of parts that run beside each other stay whole, and say whose they are. */
export function prefixLines(prefix: string): Writable {
  const decoder = new TextDecoder();
  let rest = '';
  const print = (lines: string[]) => {
    for (const line of lines) process.stdout.write(`${line === '' ? '' : prefix}${line}\n`);
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      print(lines);
      done();
    },
    final(done) {
      if (rest !== '') print([rest]);
      done();
    },
  });
}
