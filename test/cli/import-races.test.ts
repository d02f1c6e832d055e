import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { toValue } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from '../client/fake-server.ts';
import { runParamd } from './run-paramd.ts';

describe('paramd import while others write', () => {
  let fake: FakeServer;
  beforeEach(async () => {
    fake = await startFakeServer();
  });
  afterEach(() => fake.close());

  const lines = ['a', 'b'].map((key) => JSON.stringify({ key, value: { intValue: '1' } })).join('\n');
  const imported = (...options: string[]) =>
    runParamd(['import', '-', ...options], { stdin: lines, env: { PARAMD_TARGET: fake.target } });

  function requestIds(): string[] {
    const commits = fake.calls.filter(({ method }) => method === 'commit');
    return commits.map(({ request }) => (request as { requestId: string }).requestId);
  }

  it('leaves with --if-absent what came to exist in between', async () => {
    fake.before.push({ method: 'commit', run: () => void fake.put('a', toValue('theirs')) });
    expect((await imported('--if-absent')).out).to.equal(
      '1 created, 0 changed, 0 deleted, 1 unchanged at revision 2\n',
    );
  });

  it('tells of a kind that came to be in between', async () => {
    fake.before.push({ method: 'commit', run: () => void fake.put('a', toValue('theirs')) });
    const { code, err } = await imported();
    expect(code).to.equal(4);
    expect(err).to.match(/^paramd: line 1: a is of kind string, not int as in the file; --allow-kind-change .*\n$/);
  });

  it('prunes nothing that has changed since it was listed', async () => {
    fake.put('p:old', toValue(1n));
    fake.before.push({ method: 'commit', run: () => {} });
    fake.before.push({ method: 'commit', run: () => void fake.put('p:old', toValue(2n)) });
    const { code, err } = await imported('--prune', 'p:', '--yes');
    expect(code).to.equal(4);
    expect(err).to.match(/^paramd: ended after line 2 with 2 created, 0 changed, 0 deleted, .* goes on there\n/);
    expect(err).to.include('somebody else has just written or deleted p:old');
    expect((await imported('--prune', 'p:', '--yes')).out).to.include('1 deleted, 2 unchanged');
  });

  it('gives up on what never holds still', async () => {
    for (let i = 0; i < 5; i++) {
      const run = () => {
        throw failure(status.ABORTED, 'REVISION_MISMATCH', {}, { message: 'moved on' });
      };
      fake.before.push({ method: 'commit', run });
    }
    expect(await imported()).to.include({ code: 4, err: 'paramd: moved on\n' });
    expect(requestIds()).to.have.length(5);
  });

  it('C8: sends a commit of which nobody knows again as the same request, and after another write as another', async () => {
    const unknown = () => {
      throw failure(status.UNAVAILABLE, 'OUTCOME_UNKNOWN');
    };
    for (let i = 0; i < 2; i++) {
      fake.before.push({ method: 'commit', run: unknown });
      expect((await imported()).code).to.equal(5);
    }
    fake.put('b', toValue(7n));
    expect((await imported()).code).to.equal(0);
    fake.put('a', toValue(7n));
    fake.put('b', toValue(7n));
    expect((await imported()).code).to.equal(0);
    const [first, second, third, fourth] = requestIds();
    expect(second).to.equal(first);
    expect(new Set([first, third, fourth]).size).to.equal(3);
    for (const id of requestIds()) expect(id).to.match(/^import-[0-9a-f]{40}$/);
  });
});
