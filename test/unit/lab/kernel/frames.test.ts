import { expect } from 'chai';
import fc from 'fast-check';
import { createFeed } from '../../../../lab/kernel/feed.ts';
import { encodeFrame, FrameReader, type FrameType } from '../../../../lab/kernel/frames.ts';

const frame = fc.record({
  type: fc.integer({ min: 1, max: 11 }) as fc.Arbitrary<FrameType>,
  stream: fc.nat({ max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

describe('lab kernel: frames', () => {
  it('come out as they went in, however the line cuts them', () => {
    fc.assert(
      fc.property(
        fc.array(frame),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(
            frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
          );
          const reader = new FrameReader();
          const read = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const length = cuts[turn % cuts.length] ?? 1;
            read.push(...reader.push(bytes.subarray(at, at + length)));
            at += length;
          }
          expect(read).to.deep.equal(frames);
        },
      ),
    );
  });
});

describe('lab kernel: feed', () => {
  it('never has more on its way than half a terminal buffer, and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9000 })), (messages) => {
        const written: Buffer[] = [];
        let onTheirWay = 0;
        const feed = createFeed((piece) => {
          written.push(piece);
          onTheirWay += piece.length;
          expect(onTheirWay).to.be.at.most(2048);
        });
        for (const message of messages) feed.send(Buffer.from(message));
        while (onTheirWay > 0) {
          const read = Math.min(onTheirWay, 700);
          onTheirWay -= read;
          feed.taken(read);
        }
        expect(Buffer.concat(written).equals(Buffer.concat(messages))).to.equal(true);
      }),
    );
  });
});
