import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { Problem } from '../../../../common/problem.ts';
import { explain } from '../../../../controller/kernel/ipvs-socket.ts';
import { createRequestQueue, NetlinkError } from '../../../../controller/kernel/netlink.ts';

describe('kernel: the queue of netlink requests', () => {
  it('has one in flight at a time, in order, also after one that failed', async () => {
    const queue = createRequestQueue(new EventEmitter());
    let inFlight = 0;
    let most = 0;
    const order: number[] = [];
    const requests = Array.from({ length: 20 }, (_, at) =>
      queue.ask(`request ${at}`, async () => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise(setImmediate);
        inFlight -= 1;
        order.push(at);
        if (at % 3 === 0) throw new Error('Request rejected: EEXIST');
      }),
    );
    const results = await Promise.allSettled(requests);
    expect(most).to.equal(1);
    expect(order).to.deep.equal([...order.keys()]);
    expect(results.filter(({ status }) => status === 'rejected')).to.have.length(7);
  });

  it('gives the errno as a code', async () => {
    const queue = createRequestQueue(new EventEmitter());
    const error = await queue
      .ask('delete it', () => Promise.reject(new Error('Request rejected: ESRCH')))
      .catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(NetlinkError).and.to.include({ code: 'ESRCH' });
  });

  it('gives every request a deadline, and survives an error of the socket', async () => {
    const socket = new EventEmitter();
    const queue = createRequestQueue(socket);
    socket.emit('error', new Error('recvmsg ENOBUFS'));
    let deadlineMs = 0;
    const error = await queue
      .ask('list', ({ timeout }) => {
        deadlineMs = timeout;
        return Promise.reject(new Error('Timeout has been reached'));
      })
      .catch((thrown: Problem) => thrown);
    expect(deadlineMs).to.be.greaterThan(0);
    expect(error).to.include({ code: 'KERNEL_SILENT' });
    expect((error as Problem).message).to.contain('recvmsg ENOBUFS');
  });
});

describe('kernel: what IPVS refuses', () => {
  const refusal = (code: string, content: object) =>
    (explain(new NetlinkError('', code), 'do it', content) as Problem).code;

  it('says which part of the wish is wrong, where the errno tells', () => {
    expect(refusal('EINVAL', { destination: { weight: 1 } })).to.equal('SERVER_ADDRESS_REFUSED');
    expect(refusal('EINVAL', { service: { scheduler: 'lc' } })).to.equal('IPVS_REFUSED');
    expect(refusal('ERANGE', { destination: { weight: 1 } })).to.equal('IPVS_REFUSED');
    expect(refusal('ENOENT', { service: { scheduler: 'lc' } })).to.equal('SCHEDULER_MISSING');
  });
});
