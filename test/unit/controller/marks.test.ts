import { expect } from 'chai';
import type { IpvsService } from '../../../controller/core/types.ts';
import { readMarks } from '../../../controller/marks.ts';

const service = (mark: number): IpvsService => ({
  family: 4,
  mark,
  scheduler: 'lc',
  flags: [],
  destinations: [],
});

describe('marks', () => {
  it('without their file go on above those that the kernel has, but not above what leaves no room', async () => {
    const next = async (...marks: number[]) => (await readMarks('/nonexistent', marks.map(service))).next;
    expect(await next()).to.equal(1);
    expect(await next(1, 7)).to.equal(8);
    expect(await next(3, 0xfffffffe)).to.equal(4);
  });
});
