import { expect } from 'chai';
import { StoreError } from '../../src/ports/store.ts';
import { Cluster, failureOf, type Replica, setText, textOf } from './cluster.ts';

const LABELS_ONLY = {
  type: 'set',
  key: 'a',
  labels: new Map([['team', 'x']]),
  removeLabels: [],
  allowKindChange: false,
} as const;

const VALUE = { kind: 'string_value', encoded: Buffer.from([0x0a, 1, 0x78]) } as const;

describe('the core at its worst moments', () => {
  let cluster: Cluster;
  let one: Replica;
  let two: Replica;
  beforeEach(async () => {
    cluster = await Cluster.start();
    [one, two] = cluster.replicas as [Replica, Replica];
  });
  afterEach(() => cluster.stop());

  /** The next failover: a new epoch, known to every replica. */
  async function failOver(loseAfter?: bigint) {
    if (loseAfter !== undefined) cluster.store.crash({ loseAfter });
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(3_000);
  }

  it('C9: one from before an epoch change begins no other epoch', async () => {
    for (let at = 1; at <= 5; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const hold = cluster.hold('read', 'answer');
    const late = two.text('a');
    await hold.reached;
    await failOver();
    const { revision } = await cluster.run(one.set('a', 'after'));
    await cluster.clock.advance(500);
    hold.release();
    expect(await cluster.run(late)).to.equal('after');
    await cluster.clock.advance(2_000);
    expect(cluster.store.knownEpochs.map(({ number }) => number)).to.deep.equal([0n, 1n]);
    expect(await cluster.run(two.text('a', { atLeastRevision: revision }))).to.equal('after');
  });

  it('C2: what another replica found to be lost later is lost here too', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    // Another primary, promoted apart, has written other revisions with the numbers 8 to 10.
    for (const { gate } of [one, two]) gate.close();
    cluster.store.crash({ loseAfter: 7n });
    const stranger = await cluster.addReplica();
    for (let at = 8; at <= 10; at++) await cluster.run(stranger.set('a', `other ${at}`));
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(3_000);
    expect(await cluster.run(stranger.text('a', { atLeastRevision: 9n }))).to.equal('other 10');
    for (const { gate } of [one, two]) gate.open();
    await cluster.clock.advance(3_000);
    expect(cluster.store.knownEpochs.at(-1)?.lostAfter).to.equal(7n);
    expect((await cluster.run(failureOf(stranger.get('a', { atLeastRevision: 9n })))).reason).to.equal('REVISION_LOST');
    expect(await cluster.run(stranger.text('a', { atLeastRevision: 7n }))).to.equal('other 10');
  });

  it('C5: what a batch loaded and a failover lost is not taken for current in the new epoch', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    cluster.channel.route = () => [];
    await cluster.run(one.write([setText('a', 'lost')]));
    const hold = cluster.hold('readLog', 'request');
    const read = two.core.getMany(['a'], { linearizable: false }, two.call());
    await cluster.clock.advance(1);
    cluster.store.crash({ loseAfter: 7n });
    cluster.store.setIncarnation('after-failover');
    hold.release();
    const { parameters } = await cluster.run(read);
    expect(parameters.map(textOf)).to.deep.equal(['7']);
  });

  it('C5, C8: a write whose answer comes after a failover has lost it is not acknowledged, nor kept in a cache', async () => {
    for (let at = 1; at <= 7; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    cluster.channel.route = () => [];
    await cluster.run(one.set('b', 'x'));
    const hold = cluster.hold('commit', 'answer');
    const failure = failureOf(
      two.core.write(
        {
          conditions: [],
          requestId: 'r',
          principal: '',
          actor: '',
          contentHash: new Uint8Array(32),
          validateOnly: false,
          operations: [setText('a', 'lost')],
        },
        two.call({ deadlineAtMs: Infinity }),
      ),
    );
    await hold.reached;
    await failOver(7n);
    hold.release();
    expect((await cluster.run(failure)).reason).to.equal('OUTCOME_UNKNOWN');
    await cluster.clock.advance(10);
    expect(await cluster.run(two.text('a'))).to.equal('7');
    expect(await cluster.run(one.text('a'))).to.equal('7');
  });

  it('C5: what was read before the machine slept is not taken for current after it', async () => {
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    cluster.channel.route = () => [];
    const reached = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    const rest = Promise.withResolvers<void>();
    let held = false;
    cluster.delay = (call, phase) => {
      if (phase !== 'answer') return undefined;
      if (call === 'readHead' || call === 'readLog') return rest.promise;
      if (call !== 'read' || held) return undefined;
      held = true;
      reached.resolve();
      return read.promise;
    };
    const early = two.text('a');
    await reached.promise;
    await cluster.run(one.write([setText('a', '2')]));
    cluster.clock.jumpWall(60_000);
    const late = two.text('a', { maxStalenessMs: 400 });
    await cluster.clock.advance(1);
    read.resolve();
    await cluster.clock.advance(1);
    rest.resolve();
    expect(await cluster.run(late)).to.equal('2');
    await cluster.run(early);
  });

  it('C7: a frozen Valkey does not make an answer late', async () => {
    await cluster.clock.advance(10);
    cluster.valkey.mode = 'frozen';
    cluster.store.fail('hang');
    const startedAtMs = cluster.clock.monotonicMs();
    const failure = await cluster.run(failureOf(two.get('a', {}, { deadlineAtMs: startedAtMs + 70 })));
    expect(failure.reason).to.be.oneOf(['STORE_UNREACHABLE', 'CONSISTENCY_NOT_MET']);
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.lessThan(75);
  });

  it('C1: a read joins no load that began before a change of labels on its replica', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const hold = cluster.hold('read', 'answer');
    const early = two.get('a');
    await hold.reached;
    const { revision } = await cluster.run(two.write([LABELS_ONLY]));
    const late = two.get('a');
    await cluster.clock.advance(1);
    hold.release();
    expect((await cluster.run(late)).freshness.revision >= revision).to.equal(true);
    await cluster.run(early);
  });

  it('C1: a listing under way is no victim of a write after it', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.channel.route = () => [];
    const hold = cluster.hold('list', 'answer');
    const listed = two.core.list(
      { prefix: '', consistency: { linearizable: false }, limit: 10, keysOnly: false },
      two.call(),
    );
    await hold.reached;
    await cluster.run(one.set('hole', 'x'));
    const log = cluster.hold('readLog', 'request');
    cluster.delay = (
      (old) => (call, phase) =>
        call === 'readLog' ? old(call, phase) : undefined
    )(cluster.delay);
    await cluster.run(two.set('b', 'x'));
    hold.release();
    expect((await cluster.run(listed)).freshness.revision).to.equal(1n);
    log.release();
  });

  it('a slow watch is not told as progress what its last event told', async () => {
    const reader = two.watch({ progressIntervalMs: 1_000 });
    await cluster.clock.advance(1);
    reader.pause();
    await cluster.run(one.set('a', '1'));
    await cluster.clock.advance(10);
    await cluster.run(one.set('a', '2'));
    await cluster.clock.advance(1_500);
    reader.resume();
    await cluster.clock.advance(500);
    expect(reader.kinds).to.deep.equal(['progress', 'changes', 'changes']);
  });

  it("C15: what fails for a caller who has left already is nobody else's concern", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    cluster.store.fail('unreachable');
    const gone = two.call({ signal: AbortSignal.abort() });
    const consistency = { linearizable: false };
    const list = two.core.list({ prefix: '', consistency, limit: 1, keysOnly: false }, gone);
    expect((await cluster.run(failureOf(list))).reason).to.equal('CANCELLED');
    await cluster.clock.advance(100);
    process.off('unhandledRejection', note);
    expect(unhandled).to.deep.equal([]);
  });

  it('a replica that slept starts again also while compacted history is still being dropped', async () => {
    await cluster.run(one.set('a', '0'));
    await cluster.run(two.get('a'));
    await cluster.clock.advance(10);
    cluster.channel.route = () => [];
    two.gate.close();
    for (let at = 1; at <= 5; at++) await cluster.run(one.set('a', String(at)));
    const batchIds = new Map(cluster.store.log.map(({ revision, batchId }) => [revision, batchId]));
    await cluster.clock.advance(3 * 3_600_000);
    await cluster.run(one.set('b', 'x'));
    await cluster.run(cluster.store.upkeep.compact(3_600_000));
    // The rows are still there, though the head says that they are not to be used.
    const readLog = cluster.store.readLog.bind(cluster.store);
    cluster.store.readLog = async (request) => {
      const page = await readLog(request);
      return { ...page, batchIdAtAfter: page.batchIdAtAfter ?? batchIds.get(request.after) };
    };
    const reads = two.telemetry.total('log_reads');
    two.gate.open();
    expect(await cluster.run(two.text('a', { linearizable: true }))).to.equal('5');
    await cluster.clock.advance(1_000);
    expect(two.core.status().applied).to.equal(7n);
    expect(two.telemetry.total('log_reads') - reads).to.be.below(10);
  });

  it('an announcement that waited for a hole is applied as soon as the log has filled it', async () => {
    cluster.channel.route = () => [];
    await cluster.run(one.set('a', '1'));
    const hold = cluster.hold('readLog', 'answer');
    await cluster.run(two.get('b', { linearizable: true }));
    await cluster.clock.advance(15);
    await hold.reached;
    cluster.channel.route = () => [0];
    await cluster.run(one.set('a', '2'));
    await cluster.clock.advance(1);
    hold.release();
    await cluster.clock.advance(1);
    expect(two.core.status().applied).to.equal(2n);
  });

  it('C2: a revision is waited for as long as the caller has, be the store slow', async () => {
    await cluster.run(two.set('a', '1'));
    cluster.channel.route = () => [];
    const { revision } = await cluster.run(one.set('a', '2'));
    cluster.delay = (call, phase) =>
      phase === 'answer' && call === 'readHead' ? new Promise((done) => cluster.clock.setTimer(700, done)) : undefined;
    expect(await cluster.run(two.text('a', { atLeastRevision: revision }))).to.equal('2');
  });

  it('C10: a watch that compaction overtook takes no other one along', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(2 * 3_600_000);
    for (let at = 11; at <= 20; at++) await cluster.run(one.set('a', String(at)));
    const hold = cluster.hold('readLog', 'request');
    const readers = [6n, 16n].map((startRevision) => two.watch({ startRevision }));
    await hold.reached;
    await cluster.run(cluster.store.upkeep.compact(3_600_000));
    hold.release();
    await cluster.clock.advance(1_000);
    expect(readers[0]!.failure?.failure.reason).to.equal('REVISION_COMPACTED');
    expect(readers[1]!.changes.map((c) => c.split(' ')[0])).to.deep.equal(['16', '17', '18', '19', '20']);
  });

  it('a snapshot that the store cannot give is told as unavailable', async () => {
    await cluster.run(one.set('a', 'x'));
    const hold = cluster.hold('list', 'request');
    const reader = two.watch({ sendInitial: true });
    await hold.reached;
    cluster.store.fail('unreachable');
    hold.release();
    await cluster.clock.advance(100);
    expect(reader.failure?.failure.reason).to.equal('STORE_UNREACHABLE');
  });

  it('C8: a write that was done and cannot be told is not to be repeated', async () => {
    await cluster.run(one.set('a', 'x'));
    const hold = cluster.hold('readEntry', 'request');
    const failure = failureOf(one.write([LABELS_ONLY]));
    await hold.reached;
    cluster.store.fail('unreachable');
    hold.release();
    expect(await cluster.run(failure)).to.deep.equal({ reason: 'OUTCOME_UNKNOWN', retriable: false });
  });

  it('validate_only tells the parameter as it would be, also of a change of labels', async () => {
    await cluster.run(one.write([{ ...LABELS_ONLY, value: VALUE }]));
    const change = { ...LABELS_ONLY, labels: new Map([['tier', 'y']]) };
    const { revision, parameters } = await cluster.run(one.write([change, setText('b', 'x')], { validateOnly: true }));
    expect(revision).to.equal(0n);
    expect(parameters.map(({ key, version, revision }) => [key, version, revision])).to.deep.equal([
      ['a', 2n, 0n],
      ['b', 1n, 0n],
    ]);
    expect(parameters[0]!.value).to.deep.equal(VALUE);
    expect([...parameters[0]!.labels]).to.deep.equal([
      ['team', 'x'],
      ['tier', 'y'],
    ]);
    expect(await cluster.run(one.text('b'))).to.equal(undefined);
  });

  it('C15: revisions that do not exist leave nothing behind', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(2000);
    const reads = two.telemetry.total('log_reads');
    for (let at = 0; at < 20; at++) {
      await cluster.run(failureOf(two.get('a', { atLeastRevision: (1n << 62n) + BigInt(at) })));
    }
    await cluster.clock.advance(10_000);
    expect(two.telemetry.total('log_reads') - reads).to.equal(0);
  });

  it('C10: a watch from now on does not tell what was acknowledged before it', async () => {
    cluster.channel.route = () => [50];
    await cluster.run(two.get('a'));
    const { revision } = await cluster.run(one.set('a', '1'));
    const reader = two.watch({});
    await cluster.clock.advance(100);
    expect(reader.batches).to.deep.equal([{ kind: 'progress', revision }]);
  });

  it('C7: a TTL that ends while the store is away takes no answer away', async () => {
    await cluster.run(one.write([{ ...LABELS_ONLY, value: VALUE, cacheTtlNs: 1_000_000_000n }]));
    await cluster.run(one.get('a'));
    cluster.store.fail('unreachable');
    cluster.valkey.load();
    await cluster.clock.advance(10_000);
    const single = await cluster.run(one.get('a'));
    expect(textOf(single.parameter)).to.equal('x');
    expect(single.freshness.degraded).to.equal(true);
    const many = await cluster.run(one.core.getMany(['a'], { linearizable: false }, one.call()));
    expect(many.parameters.map(textOf)).to.deep.equal(['x']);
    expect(many.freshness.degraded).to.equal(true);
    cluster.store.fail('none');
    await cluster.clock.advance(2_000);
    expect((await cluster.run(one.get('a'))).freshness.servedFrom).to.equal('store');
  });

  it('C12: of callers that have left no load remains', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.store.fail('hang');
    const tries = Array.from({ length: 2_000 }, (_, at) =>
      failureOf(two.get(`k${at}`, {}, { deadlineAtMs: cluster.clock.monotonicMs() + 5 + at / 1_000 })),
    );
    await cluster.clock.advance(1);
    const waiting = two.get('a', {}, { deadlineAtMs: Number.POSITIVE_INFINITY });
    await cluster.clock.advance(1_000);
    await cluster.run(Promise.all(tries));
    const loads = two.telemetry.total('store_loads');
    cluster.store.fail('none');
    expect(textOf((await cluster.run(waiting)).parameter)).to.equal('x');
    await cluster.clock.advance(1_000);
    // Those that were under way, and the one that somebody waits for.
    expect(two.telemetry.total('store_loads') - loads).to.be.below(10);
  });

  it('C7: a batch degrades when the store hangs as a single read does', async () => {
    await cluster.run(two.set('a', 'x'));
    await cluster.run(two.set('b', 'x'));
    cluster.store.fail('hang');
    await cluster.clock.advance(700);
    const startedAtMs = cluster.clock.monotonicMs();
    const single = two.get('a');
    const many = two.core.getMany(['a', 'b'], { linearizable: false }, two.call());
    expect((await cluster.run(single)).freshness.degraded).to.equal(true);
    expect((await cluster.run(many)).freshness.degraded).to.equal(true);
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.below(600);
  });

  it('C2, C7: what is found to be lost while Valkey is asked is not reflected by a degraded answer', async () => {
    for (let at = 1; at <= 10; at++) await cluster.run(one.set('a', String(at)));
    await cluster.clock.advance(10);
    for (const { gate } of [one, two]) gate.close();
    cluster.store.crash({ loseAfter: 7n });
    const stranger = await cluster.addReplica({ nearCacheEntriesMax: 1 });
    for (let at = 8; at <= 10; at++) await cluster.run(stranger.set('a', `other ${at}`));
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(3_000);
    await cluster.run(stranger.set('b', 'x'));
    // Of the two the near cache holds one: the other is in the shared cache alone.
    for (const key of ['a', 'b']) await cluster.run(stranger.get(key));
    cluster.store.fail('unreachable');
    await cluster.clock.advance(1_200);
    expect(stranger.core.status().storeReachable).to.equal(false);
    const hold = cluster.valkey.hold('get-answer', 'a');
    const read = failureOf(stranger.get('a', { atLeastRevision: 9n }));
    await hold.reached;
    cluster.store.fail('none');
    for (const { gate } of [one, two]) gate.open();
    await cluster.clock.advance(3_000);
    expect(cluster.store.knownEpochs.at(-1)?.lostAfter).to.equal(7n);
    hold.release();
    expect((await cluster.run(read)).reason).to.equal('REVISION_LOST');
  });

  it('C1: a reader that comes too late for a load is answered by the next one, at once', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const hold = cluster.hold('read', 'answer');
    const early = two.get('a');
    await hold.reached;
    await cluster.clock.advance(1);
    const startedAtMs = cluster.clock.monotonicMs();
    const late = two.get('a', { linearizable: true });
    await cluster.clock.advance(1);
    const loads = two.telemetry.total('store_loads');
    hold.release();
    await cluster.run(early);
    expect((await cluster.run(late)).freshness.servedFrom).to.equal('store');
    expect(cluster.clock.monotonicMs() - startedAtMs).to.be.below(5);
    expect(two.telemetry.total('store_loads') - loads).to.equal(1);
  });

  it('C12: the next load of a key does not begin if those who waited for it have left', async () => {
    await cluster.run(one.set('a', 'x'));
    await cluster.clock.advance(10);
    cluster.valkey.load();
    const hold = cluster.hold('read', 'answer');
    const early = two.get('a');
    await hold.reached;
    const leaving = new AbortController();
    const late = failureOf(two.get('a', { linearizable: true }, { signal: leaving.signal }));
    await cluster.clock.advance(1);
    leaving.abort();
    expect((await cluster.run(late)).reason).to.equal('CANCELLED');
    const reads = two.telemetry.total('store_reads');
    hold.release();
    await cluster.run(early);
    await cluster.clock.advance(10);
    expect(two.telemetry.total('store_reads')).to.equal(reads);
  });

  it('C1: a write that is repeated keeps its key from the caches for milliseconds, though nothing announces it', async () => {
    const behind = await cluster.addReplica({ pollIntervalMs: 60_000, idlePollIntervalMs: 60_000 });
    await cluster.clock.advance(100);
    cluster.channel.route = () => [];
    for (const replica of [one, behind]) await cluster.run(replica.set('a', 'x', { requestId: 'r' }));
    expect(behind.core.status().applied).to.equal(0n);
    await cluster.clock.advance(15);
    expect(behind.core.status().applied).to.equal(1n);
    expect(textOf((await cluster.run(behind.get('a'))).parameter)).to.equal('x');
    expect((await cluster.run(behind.get('a'))).freshness.servedFrom).to.equal('near-cache');
    expect(behind.telemetry.total('store_loads')).to.equal(0);
  });

  it('C7: while the epoch cannot be changed nothing is known of an age, and no answer is given', async () => {
    await cluster.run(one.set('a', 'x'));
    expect(await cluster.run(two.text('a'))).to.equal('x');
    cluster.delay = (call) =>
      call === 'startEpoch' ? Promise.reject(new StoreError('unreachable', 'away')) : undefined;
    cluster.store.setIncarnation('after-failover');
    await cluster.clock.advance(1_500);
    cluster.store.fail('unreachable');
    await cluster.clock.advance(1_500);
    expect(two.core.status()).to.include({ storeReachable: false, freshnessAgeMs: Number.POSITIVE_INFINITY });
    const consistency = { linearizable: false };
    const many = failureOf(two.core.getMany(['a'], consistency, two.call()));
    expect((await cluster.run(many)).reason).to.equal('STORE_UNREACHABLE');
    expect((await cluster.run(failureOf(two.get('a')))).reason).to.equal('STORE_UNREACHABLE');
  });

  it('without a bus a write reads no log', async () => {
    one.bus.disconnect();
    await cluster.clock.advance(1000);
    const reads = one.telemetry.total('log_reads');
    for (let at = 0; at < 10; at++) await cluster.run(one.set('a', 'x'));
    expect(one.telemetry.total('log_reads') - reads).to.be.below(3);
  });
});
