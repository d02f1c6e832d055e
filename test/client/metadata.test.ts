import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { connect, ParamdRpcError } from '../../src/client/index.ts';
import { failure, startFakeServer } from './fake-server.ts';

describe('metadata of calls', () => {
  it('comes from the hook, anew for every attempt, of streams too', async () => {
    const fake = await startFakeServer();
    let asked = 0;
    const client = connect({
      target: fake.target,
      metadata: async () => ({ 'paramd-actor': `token-${++asked}` }),
    });
    fake.before.push({
      method: 'get',
      run: () => {
        throw failure(status.UNAVAILABLE, 'STORE_UNREACHABLE', {}, { retryMs: 1 });
      },
    });
    try {
      await client.get('a');
      for await (const _ of client.watch({ prefixes: [''] })) break;
      expect(fake.calls.map(({ method, actor }) => [method, actor])).to.deep.equal([
        ['get', 'token-1'],
        ['get', 'token-2'],
        ['watch', 'token-3'],
      ]);
    } finally {
      client.close();
      fake.close();
    }
  });

  it('does not hold a call beyond its deadline or its signal', async () => {
    const client = connect({ target: '127.0.0.1:1', metadata: () => new Promise(() => {}), timeoutMs: 50 });
    const late = await client.get('a').catch((thrown: unknown) => thrown);
    expect(late).to.be.instanceOf(ParamdRpcError).and.to.include({ status: 'DEADLINE_EXCEEDED' });
    const leave = new AbortController();
    const left = client.get('a', { signal: leave.signal, timeoutMs: 60_000 }).catch((thrown: unknown) => thrown);
    leave.abort(new Error('enough'));
    expect(await left).to.have.property('message', 'enough');
    client.close();
  });

  it('is not asked for where the call is over before it begins', async () => {
    let asked = 0;
    const client = connect({ target: '127.0.0.1:1', metadata: () => ({ asked: String(++asked) }) });
    const left = await client.get('a', { signal: AbortSignal.abort(new Error('enough')) }).catch((error) => error);
    expect([left.message, asked]).to.deep.equal(['enough', 0]);
    client.close();
  });

  it('comes too late once the client is closed', async () => {
    const { promise, resolve } = Promise.withResolvers<Record<string, string>>();
    const client = connect({ target: '127.0.0.1:1', metadata: () => promise });
    const calls = [
      client.get('a'),
      client
        .watch({ keys: ['a'] })
        [Symbol.asyncIterator]()
        .next(),
    ];
    client.close();
    resolve({});
    for (const ended of await Promise.allSettled(calls)) {
      expect(ended).to.have.nested.property('reason.message', 'this client is closed');
    }
  });

  it('fails the call with what the hook throws', async () => {
    const fake = await startFakeServer();
    const client = connect({ target: fake.target, metadata: () => Promise.reject(new Error('no token')) });
    try {
      expect(await client.get('a').catch((thrown: unknown) => thrown)).to.have.property('message', 'no token');
      expect(fake.calls).to.deep.equal([]);
    } finally {
      client.close();
      fake.close();
    }
  });
});
