import { expect } from 'chai';
import { connect, Event_Type, fromValue, type NativeValue, type WatchItem } from '../../src/client/index.ts';
import { eventually } from '../e2e/eventually.ts';
import { primaryAndCopy } from '../e2e/primary-and-copy.ts';
import { startFleet } from '../e2e/replicas.ts';

describe('a client over a failover that loses commits', function () {
  this.timeout(60_000);
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it('C3, C10: is told once, and its watch and near cache have the state that is left', async () => {
    const { primary, copy, url } = await primaryAndCopy(closing);
    const fleet = await startFleet({ databaseUrl: url });
    closing.push(() => fleet.close());
    const client = connect({ target: fleet.replicas.map(({ target }) => target).join(',') });
    const leave = new AbortController();
    closing.push(async () => {
      leave.abort();
      client.close();
    });
    const cache = client.cache({ prefixes: [''] });
    await cache.ready();
    const state = new Map<string, NativeValue>();
    let snapshots = 0;
    const watching = (async () => {
      for await (const item of client.watch({ prefixes: [''] }, { initial: true, signal: leave.signal })) {
        if (item.kind === 'snapshot') snapshots++;
        apply(state, item);
      }
    })().catch((error: unknown) => {
      if (!leave.signal.aborted) throw error;
    });
    for (let at = 6; at <= 10; at++) await client.set('a', BigInt(at));
    const { revision: lost } = await client.set('lost', true);
    await cache.atLeast(lost);
    await Promise.race([eventually(() => state.get('lost') === true), watching]);

    await primary.kill();
    await copy.start();
    for (const { target } of fleet.replicas) {
      const reader = connect({ target, carryRevision: false });
      closing.push(async () => reader.close());
      await eventually(async () => {
        const { freshness } = await reader.get('a');
        return !freshness.degraded && freshness.revision > lost;
      }, 30_000);
    }

    const told: unknown[] = [];
    const { parameter } = await client.get('a', { atLeastRevision: lost }).catch((error: unknown) => {
      told.push(error);
      return client.get('a');
    });
    expect(told[0]).to.have.property('reason', 'REVISION_LOST');
    expect(parameter && fromValue(parameter.value)).to.equal(5n);

    await Promise.race([eventually(() => snapshots === 2, 30_000), watching]);
    expect([...state]).to.deep.equal([['a', 5n]]);
    await eventually(() => !cache.has('lost'), 30_000);
    expect(cache.bigint('a', 0n)).to.equal(5n);
    const { revision } = await client.set('a', 11n, { timeoutMs: 20_000 });
    await cache.atLeast(revision);
    expect(cache.bigint('a', 0n)).to.equal(11n);
    await Promise.race([eventually(() => state.get('a') === 11n), watching]);
  });
});

function apply(state: Map<string, NativeValue>, item: WatchItem): void {
  if (item.kind === 'snapshot') {
    state.clear();
    for (const { key, value } of item.parameters) state.set(key, fromValue(value));
  }
  if (item.kind !== 'changes') return;
  for (const { type, parameter } of item.events) {
    if (type === Event_Type.TYPE_DELETE) state.delete(parameter!.key);
    else state.set(parameter!.key, fromValue(parameter!.value));
  }
}
