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
