import { expect } from 'chai';
import type { Change, NearCache, ParamdClient } from '../../src/client/index.ts';
import type { ContractSubject } from './contract-subject.ts';

const PREFIXES = ['app:', 'flags:'];

/** What a near cache does, whatever its client is made of. */
export function nearCacheContract(name: string, start: () => Promise<ContractSubject>): void {
  describe(`contract of the near cache, ${name}`, () => {
    let subject: ContractSubject;
    let client: ParamdClient;
    let cache: NearCache;
    const lines: string[] = [];
    beforeEach(async () => {
      lines.length = 0;
      subject = await start();
      client = subject.client;
      await client.commit([
        { set: 'app:int', value: 100n },
        { set: 'app:double', value: 0.5 },
        { set: 'app:text', value: 'hello' },
        { set: 'app:json', value: { json: '{"a":[1]}' } },
        { set: 'app:wait', value: { durationNs: 1_500_000n } },
        { set: 'app:list', value: ['a', 'b'] },
        { set: 'flags:on', value: true },
        { set: 'other:x', value: 1n },
      ]);
      cache = client.cache({ prefixes: PREFIXES, log: (line) => lines.push(line) });
      expect(await cache.ready()).to.equal('CACHE');
    });
    afterEach(async () => {
      await cache.close();
      await subject.close();
    });

    it('reads every kind, and the default where there is none of it', () => {
      expect([cache.number('app:int', 1), cache.number('app:double', 1)]).to.deep.equal([100, 0.5]);
      expect([cache.bigint('app:int', 1n), cache.string('app:text', '')]).to.deep.equal([100n, 'hello']);
      expect([cache.duration('app:wait', 0), cache.boolean('flags:on', false)]).to.deep.equal([1.5, true]);
      expect([cache.json('app:json', null), cache.list('app:list', [])]).to.deep.equal([{ a: [1] }, ['a', 'b']]);
      expect([cache.number('app:text', 7), cache.number('app:none', 8)]).to.deep.equal([7, 8]);
      expect([...cache.defaultsUsed].map(([key, { reason }]) => [key, reason])).to.deep.equal([
        ['app:text', 'WRONG_KIND'],
        ['app:none', 'MISSING'],
      ]);
      expect(lines).to.have.length(2);
      expect(() => cache.number('other:x', 1)).to.throw(TypeError);
      expect([cache.size, cache.revision]).to.deep.equal([7, 1n]);
    });

    it('is told of every change in order, and reads what was written', async () => {
      const changes: Change[] = [];
      cache.onChange({ prefix: 'app:' }, (change) => changes.push(change));
      await client.set('app:int', 1n);
      await client.commit([
        { set: 'app:int', value: 'kind', allowKindChange: true },
        { delete: 'app:text' },
        { delete: 'flags:on' },
      ]);
      const { revision } = await client.set('app:new', 2n);
      await cache.atLeast(revision);
      expect(changes).to.deep.equal([
        { key: 'app:int', value: 1n, previous: 100n, revision: 2n },
        { key: 'app:int', value: 'kind', previous: 1n, revision: 3n },
        { key: 'app:text', value: undefined, previous: 'hello', revision: 3n },
        { key: 'app:new', value: 2n, previous: undefined, revision: 4n },
      ]);
      const detail = cache.detail('bigint', 'app:new', 0n);
      expect(detail).to.include({ value: 2n, reason: 'CACHE', revision: 4n });
      expect([cache.has('app:text'), cache.kindOf('app:int')]).to.deep.equal([false, 'string']);
    });

    it('goes on answering once its client is closed', async () => {
      client.close();
      expect(cache.number('app:int', 1)).to.equal(100);
      expect(await cache.atLeast(2n).catch((error: Error) => error.name)).to.equal('NearCacheTimeout');
    });
  });
}
