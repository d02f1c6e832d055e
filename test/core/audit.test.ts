import { expect } from 'chai';
import { MemorySharedCache } from '../../src/adapters/memory/shared-cache.ts';
import type { StoreCall } from '../../src/adapters/memory/store.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import type { SharedEntry } from '../../src/ports/shared-cache.ts';
import { StoreError } from '../../src/ports/store.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { Cluster, type Replica, setText } from './cluster.ts';

describe('the auditor', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  const audit = (replica: Replica) => cluster.run(replica.core.audit());

  /** What a replica with the secret and a defect would put there. */
  async function plant(key: string, entry: Partial<SharedEntry>): Promise<void> {
    const defective = new MemorySharedCache({ valkey: cluster.valkey, clock: cluster.clock });
    defective.useEpoch(cluster.store.knownEpochs.at(-1)!.id);
    await defective.drop(key);
    await defective.put(key, { revision: 1n, asOf: 1n, encoded: null, ttlMs: 60_000, ...entry });
  }

  /** As the store has it, with changes. */
  function encoded(key: string, changes: Partial<Parameter> = {}): Uint8Array {
    return parameterCodec.encode({ ...cluster.store.current.get(key)!, ...changes });
  }

  it('finds nothing where both tiers are right, while writes go on', async () => {
    for (let at = 0; at < 80; at++) await cluster.run(one.set(`k${at}`, 'x'));
    for (let at = 0; at < 80; at++) await cluster.run(two.get(`k${at}`));
    await cluster.run(two.get('absent'));
    const writing = cluster.run(one.write([setText('k1', 'y'), setText('absent', 'z')]));
    const loads = two.telemetry.total('store_loads');
    const { near, shared, inconsistent } = await audit(two);
    await writing;
    expect(two.telemetry.total('store_loads'), 'it loads nothing for a call').to.equal(loads);
    expect(near).to.be.within(1, 50);
    expect(shared).to.be.within(1, 50);
    expect(inconsistent).to.equal(0);
  });

  it('finds an entry of the near cache that the log does not explain, counts its age, and drops it', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.run(two.get('a'));
    await cluster.clock.advance(100);
    // Behind the log's back.
    const stored = cluster.store.current.get('a')!;
    (cluster.store.current as Map<string, Parameter>).set('a', { ...stored, version: 7n });
    await cluster.clock.advance(70_000);
    cluster.valkey.load();
    expect(await audit(two)).to.deep.equal({ outcome: 'compared', near: 1, shared: 0, inconsistent: 1 });
    expect(two.telemetry.total('audit_inconsistent')).to.equal(1);
    expect(two.telemetry.observed('audit_inconsistent_age_seconds')).to.deep.equal([70.1]);
    const line = two.telemetry.lines.find((text) => text.startsWith('error '));
    expect(line).to.include('differs from the store');
    expect((await cluster.run(two.get('a'))).freshness.servedFrom).to.equal('store');
    cluster.valkey.load();
    expect(await audit(two), 'it does no more harm').to.deep.equal({
      outcome: 'compared',
      near: 1,
      shared: 0,
      inconsistent: 0,
    });
  });

  it('finds a key of the near cache that the store no longer has', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.run(one.set('b', '1'));
    await cluster.run(two.get('a'));
    (cluster.store.current as Map<string, Parameter>).delete('a');
    cluster.valkey.load();
    expect(await audit(two)).to.deep.equal({ outcome: 'compared', near: 1, shared: 0, inconsistent: 1 });
  });

  for (const [name, entry] of [
    [
      'another value',
      () => ({ encoded: encoded('a', { value: { kind: 'bool_value', encoded: Buffer.of(0x20, 1) } }) }),
    ],
    ['another version', () => ({ encoded: encoded('a', { version: 9n }) })],
    ['another label', () => ({ encoded: encoded('a', { labels: new Map([['team', 'x']]) }) })],
    ['absence', () => ({ encoded: null })],
  ] as const) {
    it(`finds ${name} planted into the shared cache, and drops it`, async () => {
      const { revision } = await cluster.run(one.set('a', '1'));
      await cluster.clock.advance(10);
      await plant('a', { revision, asOf: revision, ...entry() });
      expect(await audit(two)).to.deep.equal({ outcome: 'compared', near: 0, shared: 1, inconsistent: 1 });
      expect(cluster.valkey.size).to.equal(0);
      expect((await audit(two)).inconsistent).to.equal(0);
    });
  }

  it('finds a value that never was, though its key has been changed since', async () => {
    const { revision } = await cluster.run(one.set('a', '1'));
    const never = encoded('a', { value: { kind: 'bool_value', encoded: Buffer.of(0x20, 1) } });
    const once = encoded('a');
    await cluster.run(one.set('a', '2'));
    await cluster.clock.advance(10);
    await plant('a', { revision, asOf: revision, encoded: once });
    expect(await audit(two), 'an old value, which nobody gets').to.deep.equal({
      outcome: 'compared',
      near: 0,
      shared: 1,
      inconsistent: 0,
    });
    await plant('a', { revision, asOf: revision, encoded: never });
    expect(await audit(two)).to.deep.equal({ outcome: 'compared', near: 0, shared: 1, inconsistent: 1 });
  });

  it('says nothing of what was sampled before another epoch began', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.run(two.get('a'));
    const hold = cluster.hold('read', 'request');
    const audited = two.core.audit();
    await hold.reached;
    cluster.store.crash({ loseAfter: 0n });
    cluster.store.setIncarnation('after-failover');
    hold.release();
    expect(await cluster.run(audited)).to.deep.equal({ outcome: 'epoch-changed', near: 0, shared: 0, inconsistent: 0 });
  });

  it('gives up when what the store has cannot be applied, and says so', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.run(two.get('a'));
    // Announcements and the log no longer come.
    cluster.channel.route = () => [];
    const isOut = (call: StoreCall) => call === 'readLog' || call === 'readHead';
    cluster.delay = (call) => (isOut(call) ? Promise.reject(new StoreError('unreachable', 'away')) : undefined);
    await cluster.run(one.set('b', '1'));
    const startedAtMs = cluster.clock.monotonicMs();
    expect(await audit(two)).to.deep.equal({ outcome: 'late', near: 0, shared: 0, inconsistent: 0 });
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.within(1_000, 10_000);
    cluster.delay = () => undefined;
    await cluster.clock.advance(2_000);
    expect((await audit(two)).outcome).to.equal('compared');
  });
});
