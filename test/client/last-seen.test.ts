import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { connect, type ParamdClient, ParamdRpcError } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from './fake-server.ts';

describe('the last seen revision (C3)', () => {
  let fake: FakeServer;
  let client: ParamdClient;
  beforeEach(async () => {
    fake = await startFakeServer();
    client = connect({ target: fake.target });
  });
  afterEach(() => {
    client.close();
    fake.close();
  });

  /** What the last call demanded; 0n: nothing. */
  function demanded(): bigint {
    const { consistency } = fake.calls.at(-1)!.request as { consistency?: { atLeastRevision: bigint } };
    return consistency?.atLeastRevision ?? 0n;
  }

  it('is carried from writes, reads, pages and watches into every read', async () => {
    await client.get('a');
    expect(demanded()).to.equal(0n);
    await client.set('a', 1n);
    await client.get('a');
    expect(demanded()).to.equal(1n);
    await client.commit([{ set: 'b', value: 1n }]);
    await client.getMany(['a']);
    expect(demanded()).to.equal(2n);
    await client.delete('b');
    for await (const _ of client.list('')) expect(demanded()).to.equal(3n);
    fake.put('c', { kind: { $case: 'intValue', value: 1n } });
    await client.get('none');
    await client.get('none');
    expect(demanded(), 'told by "not found"').to.equal(4n);
    fake.put('d', { kind: { $case: 'intValue', value: 1n } });
    for await (const _ of client.watch({ prefixes: [''] }, { initial: true })) break;
    await client.get('a');
    expect(demanded()).to.equal(5n);
    expect(client.lastSeenRevision).to.equal(5n);
  });

  it('gives way to what the caller says, and can be switched off', async () => {
    await client.set('a', 1n);
    await client.get('a', { atLeastRevision: 0n });
    expect(demanded()).to.equal(0n);
    const careless = connect({ target: fake.target, carryRevision: false });
    await careless.set('a', 2n);
    await careless.get('a');
    expect(demanded()).to.equal(0n);
    careless.close();
  });

  it('is the same over all pages of a listing', async () => {
    for (const key of ['a', 'b', 'c']) await client.set(key, 1n);
    const seen: bigint[] = [];
    for await (const _ of client.list('', { pageSize: 1 })) {
      seen.push(demanded());
      await client.set('z', BigInt(seen.length));
    }
    expect(new Set(seen)).to.deep.equal(new Set([3n]));
  });

  it('is forgotten once the caller knows that it is lost', async () => {
    await client.set('a', 1n);
    fake.before.push({
      method: 'get',
      run: () => {
        throw failure(status.DATA_LOSS, 'REVISION_LOST');
      },
    });
    const error = await client.get('a').catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ParamdRpcError).and.to.include({ reason: 'REVISION_LOST' });
    await client.get('a');
    expect(demanded()).to.equal(0n);
  });

  it('is kept when a revision is lost that the caller demanded itself, such as a near cache', async () => {
    await client.set('a', 1n);
    fake.before.push({
      method: 'getMany',
      run: () => {
        throw failure(status.DATA_LOSS, 'REVISION_LOST');
      },
    });
    const error = await client.getMany([], { atLeastRevision: 1n }).catch((thrown: unknown) => thrown);
    expect(error).to.include({ reason: 'REVISION_LOST' });
    expect(client.lastSeenRevision).to.equal(1n);
  });
});
