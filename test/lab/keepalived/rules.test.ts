import { expect } from 'chai';
import { eventually, Station } from './station.ts';

describe('keepalived holds the rules', function () {
  this.timeout(60_000);
  let station: Station;
  beforeEach(() => {
    station = new Station();
  });
  afterEach(() => station.close());

  it('follows its configuration and its checks', async () => {
    for (const address of ['10.9.0.1', '10.9.0.2']) await station.listen(address);
    const both = { 1: [{ address: '10.9.0.1' }, { address: '10.9.0.2' }] };
    const outcome = await station.apply(both);
    expect(outcome.kind).to.equal('loaded');
    expect(station.kernel()).to.deep.equal(['1 10.9.0.1:8080 1', '1 10.9.0.2:8080 1']);

    await station.unlisten('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.deep.equal(['1 10.9.0.1:8080 1']));
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal(['1 10.9.0.2:8080']));
    await station.listen('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.have.length(2));
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal([]));
    expect(station.events).to.deep.equal([
      { mark: 1, address: '10.9.0.2', port: 8080, up: false },
      { mark: 1, address: '10.9.0.2', port: 8080, up: true },
    ]);
  });
});
