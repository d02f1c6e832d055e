import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import { WatchRequest } from '../../gen/parameter/v1/parameter_service.ts';
import { ask, type Fixture, failure, startFixture, until } from './rpc-fixture.ts';

describe('a replica that has too much to do', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ busyShare: () => 1 });
    const { parameters, core, outcomes } = fixture;
    core.answer.get = () => new Promise(() => undefined);
    const call = () => parameters.getParameter({ key: 'k', consistency: undefined }, () => undefined);
    for (let open = 0; open < 300; open++) call();
    // A connection has room for a thousand.
    let looks = 0;
    await until(() => {
      if (looks++ % 10 === 0) call();
      return outcomes.length > 0;
    });
    core.asked.length = 0;
    outcomes.length = 0;
  });
  after(() => fixture.close());

  it('refuses reads and writes from their headers, and says when to come again', async () => {
    const { parameters, core, outcomes } = fixture;
    const told = await Promise.all([
      failure(ask(parameters.getParameter.bind(parameters), { key: 'k', consistency: undefined })),
      failure(ask(parameters.batchGetParameters.bind(parameters), { keys: ['k'], consistency: undefined })),
      failure(ask(parameters.deleteParameter.bind(parameters), { key: 'k', requestId: '', conditions: [] } as never)),
    ]);
    for (const error of told) {
      expect(error).to.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED' });
      expect(error.message).to.include('limit wait_ms is 100');
      expect(error.retryMs).to.be.within(500, 1500);
    }
    expect(core.asked).to.deep.equal([]);
    expect(outcomes.slice(-3).map(({ status }) => status)).to.deep.equal(Array(3).fill('RESOURCE_EXHAUSTED'));
  });

  it('still opens watches and tells its statistics', async () => {
    const { parameters, cache, core } = fixture;
    const watch = parameters.watch(WatchRequest.fromPartial({ prefixes: ['p'] }));
    watch.on('error', () => undefined);
    expect(await ask(cache.getStats.bind(cache), {} as never)).to.include({ replicaId: 'replica-1' });
    await until(() => core.watches.size === 1);
    watch.cancel();
  });
});
