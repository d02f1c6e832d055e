import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { toValue } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from '../client/fake-server.ts';
import { type Running, startParamd } from './run-paramd.ts';

describe('paramd watch', () => {
  let fake: FakeServer;
  beforeEach(async () => {
    fake = await startFakeServer();
  });
  afterEach(() => fake.close());

  async function watch(line: string, shown = 'watching from'): Promise<Running> {
    const running = startParamd(`watch ${line}`.trim().split(' '), { env: { PARAMD_TARGET: fake.target } });
    await running.shown(shown);
    return running;
  }

  it('prints changes until Ctrl-C, and ends with 0', async () => {
    const running = await watch('app:');
    fake.put('app:config:max_users', toValue(100n));
    fake.put('elsewhere', toValue(1n));
    fake.remove('app:config:max_users');
    await running.shown('(revision 3)');
    running.interrupt();
    const { code, out, err } = await running.ended;
    expect(code).to.equal(0);
    const [put, remove] = out.split('\n');
    expect(put).to.match(/^\d\d:\d\d:\d\d {2}put {2}app:config:max_users = 100 {2}\(revision 1\)$/);
    expect(remove).to.match(/^\d\d:\d\d:\d\d {2}delete {2}app:config:max_users {2}\(revision 3\)$/);
    expect(err).to.equal('paramd: watching from revision 1\n');
  });

  it('watches everything by default, prefixes, or exactly a key', async () => {
    const all = await watch('');
    const prefixes = await watch('a b');
    const key = await watch('--key ab');
    fake.put('abc', toValue(1n));
    fake.put('c', toValue(1n));
    fake.put('ab', toValue(1n));
    for (const running of [all, prefixes, key]) {
      await running.shown('(revision 3)');
      running.interrupt();
    }
    const shown = await Promise.all(
      [all, prefixes, key].map(async ({ ended }) => (await ended).out.match(/put {2}\S+/g)),
    );
    expect(shown).to.deep.equal([['put  abc', 'put  c', 'put  ab'], ['put  abc', 'put  ab'], ['put  ab']]);
  });

  it('shows the state first, and what was before', async () => {
    fake.put('k', toValue('old'));
    const running = await watch('--initial --previous', '1 parameters as of revision 1');
    fake.put('k', toValue('new'));
    await running.shown('(revision 2)');
    running.interrupt();
    const { out } = await running.ended;
    expect(out).to.match(/initial {2}k = old {2}\(revision 1\)\n.*put {2}k = new \(was old\) {2}\(revision 2\)\n$/);
  });

  it('goes on after a break, with a note', async () => {
    const running = await watch('');
    fake.put('a', toValue(1n));
    await running.shown('(revision 1)');
    fake.breakWatches(failure(status.UNAVAILABLE, 'DRAINING', {}, { retryMs: 1 }));
    fake.put('b', toValue(1n));
    await running.shown('(revision 2)');
    running.interrupt();
    const { code, out, err } = await running.ended;
    expect(code).to.equal(0);
    expect(out.match(/put {2}\S+/g)).to.deep.equal(['put  a', 'put  b']);
    expect(err).to.include('the watch broke (DRAINING)').and.to.include('watching again');
  });

  it('begins at a revision, and says when that is gone', async () => {
    for (const key of ['a', 'b', 'c']) fake.put(key, toValue(1n));
    const running = await watch('--from-revision 2', '(revision 3)');
    running.interrupt();
    expect((await running.ended).out.match(/put {2}\S+/g)).to.deep.equal(['put  b', 'put  c']);
    fake.compact(2n);
    const late = await startParamd(['watch', '--from-revision', '1', '--target', fake.target]).ended;
    expect(late).to.include({ code: 1, err: 'paramd: REVISION_COMPACTED\n' });
  });

  it('prints a line of JSON for each response', async () => {
    fake.put('k', toValue(1n));
    const running = await watch('-o json --initial', 'KIND_INITIAL_COMPLETE');
    fake.put('k', toValue(2n));
    await running.shown('KIND_CHANGES');
    running.interrupt();
    const lines = (await running.ended).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ kind }) => kind)).to.deep.equal(['KIND_INITIAL', 'KIND_INITIAL_COMPLETE', 'KIND_CHANGES']);
    expect(lines[2]).to.include({ revision: '2' });
    expect(lines[2].events[0]).to.include({ type: 'TYPE_PUT', revision: '2' });
  });

  it('ends with 5 at once when nobody answers', async () => {
    const ended = await startParamd(['watch', '--target', '127.0.0.1:1']).ended;
    expect(ended.code).to.equal(5);
    expect(ended.err).to.match(/^paramd: nothing answers at 127\.0\.0\.1:1; start one with `npx paramd dev`.*\n$/);
  });
});
