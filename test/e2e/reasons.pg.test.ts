import { credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ErrorReason } from '../../gen/parameter/v1/error_reason.ts';
import { ParameterServiceClient, SetParameterRequest } from '../../gen/parameter/v1/parameter_service.ts';
import { type ParamdRpcError, toRpcError } from '../../src/client/rpc-error.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { eventually } from './eventually.ts';
import { type Fleet, type FleetReplica, startFleet } from './replicas.ts';
import { consistency, deleteOf, failureOf, int, setOf, text, told } from './rpc.ts';
import { query } from './watch-checker.ts';

interface Expected {
  readonly code: status;
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string | RegExp>>;
  /** RetryInfo is there. */
  readonly retry?: boolean;
}

describe('every reason of error_reason.proto, provoked over the socket', function () {
  this.timeout(30_000);
  const provoked = new Set<string>();
  let fleet: Fleet;
  let replica: FleetReplica;
  /** Reaches PostgreSQL by way of the proxy. */
  let apart: FleetReplica;
  let proxy: TestProxy;
  before(async () => {
    fleet = await startFleet({ count: 1 });
    replica = fleet.replicas[0]!;
    proxy = await startProxy(Number(new URL(fleet.databaseUrl).port));
    // It answers within a second, so that the deadlines of calls need not be short, which a busy machine would miss.
    const way = { DATABASE_URL: proxy.through(fleet.databaseUrl) };
    apart = await fleet.add({ ...way, PARAMD_UNARY_TIMEOUT_MS: '1000' });
    await replica.set({ key: 'known', value: int(1) });
  });
  after(async () => {
    proxy.mode = 'pass';
    await fleet.close();
    await proxy.close();
  });
  afterEach(async () => {
    if (proxy.mode === 'pass') return;
    proxy.mode = 'pass';
    await eventually(() =>
      apart.get({ key: 'known', consistency: consistency({ linearizable: true }) }).then(Boolean, () => false),
    );
  });

  async function expectFailure(call: Promise<unknown>, expected: Expected): Promise<ParamdRpcError> {
    const failure = await failureOf(call);
    const { code, reason, metadata = {}, retry = false } = expected;
    expect(told(failure)).to.equal(`${status[code]} ${reason}`);
    expect([...failure.metadata.keys()]).to.have.members(Object.keys(metadata));
    for (const [name, value] of Object.entries(metadata))
      expect(failure.metadata.get(name)).to.match(new RegExp(value));
    expect(failure.retryAfterMs !== undefined, 'RetryInfo').to.equal(retry);
    provoked.add(reason);
    return failure;
  }

  it('INVALID_FIELD names all wrong fields as the proto spells them', async () => {
    const operations = [setOf('fine', int(1)), setOf('', int(1)), deleteOf('a\u0007b')];
    const failure = await expectFailure(
      replica.commit({ operations, conditions: [{ key: 'x', ifRevision: undefined }] }),
      {
        code: status.INVALID_ARGUMENT,
        reason: 'INVALID_FIELD',
      },
    );
    const fields = failure.details.badRequest!.fieldViolations.map(({ field }) => field);
    expect(fields).to.have.members(['operations[1].set.key', 'operations[2].delete.key', 'conditions[0].if_revision']);
  });

  it('INVALID_FIELD: what only the store can find wrong has its path too', async () => {
    const invalid = { code: status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' };
    const set = { ...SetParameterRequest.fromPartial({}), key: 'not:there', labels: new Map([['a', 'b']]) };
    const alone = await expectFailure(replica.set(set), invalid);
    expect(alone.details.badRequest!.fieldViolations[0]!.field).to.equal('value');
    const operations = [
      setOf('fine', int(1)),
      { operation: { $case: 'set', value: { ...set, allowKindChange: false } } } as const,
    ];
    const within = await expectFailure(replica.commit({ operations }), invalid);
    expect(within.details.badRequest!.fieldViolations[0]!.field).to.equal('operations[1].set.value');
    const token = await expectFailure(replica.list({ prefix: 'a', pageToken: 'forged' }), invalid);
    expect(token.details.badRequest!.fieldViolations[0]!.field).to.equal('page_token');
  });

  it('UNKNOWN_FIELD: nothing of a newer write is done', async () => {
    const known = SetParameterRequest.encode(
      SetParameterRequest.fromPartial({ key: 'newer', value: int(1) as never }),
    ).finish();
    const newer = Buffer.concat([known, Buffer.from([0xd8, 0x06, 0x01])]); // field 107
    const client = new ParameterServiceClient(replica.target, credentials.createInsecure());
    const path = '/parameter.v1.ParameterService/SetParameter';
    const call = new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        () => newer,
        (bytes) => bytes,
        {},
        (error, answer) => (error ? reject(toRpcError(error)) : resolve(answer)),
      );
    });
    const code = status.INVALID_ARGUMENT;
    await expectFailure(call, { code, reason: 'UNKNOWN_FIELD', metadata: { fieldNumber: '^107$' } });
    client.close();
    expect((await failureOf(replica.get({ key: 'newer' }))).reason).to.equal('PARAMETER_NOT_FOUND');
  });

  it('PARAMETER_NOT_FOUND is an answer: it carries its freshness', async () => {
    const expected = { code: status.NOT_FOUND, reason: 'PARAMETER_NOT_FOUND', metadata: { key: '^none$' } };
    const { revision } = (await replica.set({ key: 'some', value: int(1) })).parameter!;
    for (const call of [replica.get({ key: 'none' }), replica.delete({ key: 'none' })].map((each) =>
      expectFailure(each, expected),
    )) {
      const { freshness } = (await call).details;
      expect(freshness!.revision >= revision).to.equal(true);
      expect(freshness!.degraded).to.equal(false);
    }
  });

  it('PARAMETER_EXISTS, REVISION_MISMATCH, KIND_MISMATCH and REQUEST_ID_REUSED say what is there', async () => {
    const key = 'conditions';
    const { revision } = (await replica.set({ key, value: int(1), requestId: 'used' })).parameter!;
    const metadata = { key: `^${key}$`, currentRevision: `^${revision}$` };
    await expectFailure(replica.set({ key, value: int(2), ifRevision: 0n }), {
      code: status.ALREADY_EXISTS,
      reason: 'PARAMETER_EXISTS',
      metadata,
    });
    const mismatch = { code: status.ABORTED, reason: 'REVISION_MISMATCH' };
    await expectFailure(replica.set({ key, value: int(2), ifRevision: revision + 1n }), { ...mismatch, metadata });
    await expectFailure(replica.delete({ key, ifRevision: revision + 1n }), { ...mismatch, metadata });
    await expectFailure(replica.delete({ key: 'never', ifRevision: 7n }), {
      ...mismatch,
      metadata: { key: '^never$', currentRevision: '^0$' },
    });
    const conditions = [
      { key: 'never', ifRevision: 7n },
      { key, ifRevision: 0n },
      { key: 'known', ifRevision: 1n },
    ];
    const several = await expectFailure(replica.commit({ operations: [setOf('x', int(1))], conditions }), {
      ...mismatch,
      metadata: { key: '^never$', currentRevision: '^0$' },
    });
    const subjects = several.details.preconditionFailure!.violations.map(({ subject }) => subject);
    expect(subjects).to.deep.equal(['never', key]);
    await expectFailure(replica.set({ key, value: text('x') }), {
      code: status.FAILED_PRECONDITION,
      reason: 'KIND_MISMATCH',
      metadata: { key: `^${key}$`, currentKind: '^int_value$' },
    });
    await expectFailure(replica.set({ key, value: int(2), requestId: 'used' }), {
      code: status.FAILED_PRECONDITION,
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('REVISION_COMPACTED for watches and pages that reach behind kept history', async () => {
    const own = await startFleet({ count: 1 });
    try {
      const [one] = own.replicas as [FleetReplica];
      for (let at = 0; at < 12; at++) await one.set({ key: `k${at % 4}`, value: int(at) });
      const page = await one.list({ prefix: 'k', pageSize: 2 });
      for (let at = 0; at < 8; at++) await one.set({ key: `k${at % 4}`, value: int(at) });
      await query(own.databaseUrl, 'UPDATE paramd.head SET compact_revision = 15');
      await query(own.databaseUrl, 'DELETE FROM paramd.change WHERE revision <= 15');
      const compacted = { code: status.OUT_OF_RANGE, reason: 'REVISION_COMPACTED' };
      await expectFailure(one.list({ prefix: 'k', pageSize: 2, pageToken: page.nextPageToken }), {
        ...compacted,
        metadata: { oldestRevision: '^1[56]$' },
      });
      const watch = one.watch({ prefixes: [''], startRevision: 15n });
      await expectFailure(watch.ended.then(thrown), { ...compacted, metadata: { oldestRevision: '^16$' } });
      const oldest = one.watch({ prefixes: [''], startRevision: 16n });
      await oldest.reached(20n);
      expect(oldest.events.map(({ revision }) => revision)).to.deep.equal([16n, 17n, 18n, 19n, 20n]);
      const instead = one.watch({ prefixes: [''], startRevision: 3n, sendInitial: true });
      await instead.reached(20n);
      expect(instead.responses[0]!.events).to.have.length(4);
      for (const each of [oldest, instead]) each.cancel();
    } finally {
      await own.close();
    }
  });

  it('REVISION_LOST for a revision beyond the head', async () => {
    const lost = { code: status.DATA_LOSS, reason: 'REVISION_LOST' };
    await expectFailure(replica.get({ key: 'known', consistency: consistency({ atLeastRevision: 10_000n }) }), lost);
    await expectFailure(replica.watch({ prefixes: [''], startRevision: 10_000n }).ended.then(thrown), lost);
  });

  it('LIMIT_EXCEEDED names the limit and its maximum', async () => {
    const limited = { code: status.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED' };
    const expectLimit = (call: Promise<unknown>, limit: string, maximum: number | RegExp) =>
      expectFailure(call, {
        ...limited,
        metadata: { limit: `^${limit}$`, maximum: typeof maximum === 'number' ? `^${maximum}$` : maximum },
      });
    const large = text('x'.repeat((1 << 20) - 100));
    await expectLimit(replica.set({ key: 'large', value: text('x'.repeat((1 << 20) + 1)) }), '.+', 1 << 20);
    const keys = Array.from({ length: 1001 }, (_, at) => `k${at}`);
    await expectLimit(replica.getMany({ keys }), '.+', 1000);
    await expectLimit(replica.commit({ operations: keys.slice(0, 301).map((key) => setOf(key, int(1))) }), '.+', 300);
    await expectLimit(replica.watch({ keys: keys.slice(0, 101) }).ended.then(thrown), '.+', 100);
    for (const at of [1, 2, 3, 4]) await replica.set({ key: `large:${at}`, value: large });
    const many = replica.getMany({ keys: ['large:1', 'large:2', 'large:3', 'large:4'] });
    await expectLimit(many, 'response_bytes', (4 << 20) - (64 << 10));
    const operations = [1, 2, 3].map((at) => setOf(`large:${at}`, large));
    await expectLimit(replica.commit({ operations }), 'commit_bytes', 3 << 20);
    expect((await replica.list({ prefix: 'large:' })).parameters).to.have.length.within(1, 3);
  });

  it('RATE_LIMITED when there are too many watches: another replica may have room', async () => {
    const few = await fleet.add({ PARAMD_WATCHES_MAX: '2' });
    const watches = [1, 2].map(() => few.watch({ prefixes: [''] }));
    for (const watch of watches) await watch.begun();
    await expectFailure(few.watch({ prefixes: [''] }).ended.then(thrown), {
      code: status.RESOURCE_EXHAUSTED,
      reason: 'RATE_LIMITED',
      retry: true,
      metadata: { limit: '^watches$' },
    });
    for (const watch of watches) watch.cancel();
  });

  it('RATE_LIMITED when a connection calls too fast', async () => {
    const limited = { code: status.RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED', retry: true };
    const slow = await fleet.add({ PARAMD_CONNECTION_CALLS_PER_SECOND: '3' });
    const calls = Array.from({ length: 20 }, () =>
      slow.get({ key: 'known' }).then(
        () => undefined,
        (error: ParamdRpcError) => error,
      ),
    );
    const refused = (await Promise.all(calls)).filter((error) => error !== undefined);
    expect(refused.length).to.be.within(10, 17);
    await expectFailure(Promise.reject(refused[0]), {
      ...limited,
      metadata: { limit: '^calls_per_second_and_connection$' },
    });
    await slow.stop();
  });

  it('STORE_UNREACHABLE, with the way to the store cut', async () => {
    await apart.get({ key: 'known' });
    proxy.mode = 'reset';
    const unreachable = { code: status.UNAVAILABLE, reason: 'STORE_UNREACHABLE', retry: true };
    await expectFailure(apart.get({ key: 'known', consistency: consistency({ linearizable: true }) }), unreachable);
    await expectFailure(apart.get({ key: 'not cached' }), unreachable);
    await expectFailure(apart.list({ prefix: '' }), unreachable);
    await eventually(
      async () => (await failureOf(apart.set({ key: 'known', value: int(1) }))).reason === 'STORE_UNREACHABLE',
    );
  });

  it('CONSISTENCY_NOT_MET shortly before the deadline, with the store too slow to prove it', async () => {
    await apart.get({ key: 'known' });
    const { appliedRevision } = await apart.stats({});
    proxy.mode = { delayMs: 700 };
    await expectFailure(apart.get({ key: 'known', consistency: consistency({ linearizable: true }) }), {
      code: status.UNAVAILABLE,
      reason: 'CONSISTENCY_NOT_MET',
      metadata: { revision: `^${appliedRevision}$` },
      retry: true,
    });
  });

  it('OUTCOME_UNKNOWN, to be retried exactly if it had a request_id', async () => {
    await apart.set({ key: 'unknown', value: int(0) });
    proxy.mode = 'freeze';
    const unknown = { code: status.UNAVAILABLE, reason: 'OUTCOME_UNKNOWN' };
    const request = { key: 'unknown', value: int(1), requestId: 'unknown-1' };
    const calls = [apart.set(request), apart.set({ key: 'unknown', value: int(2) })];
    const [first, second] = calls.map(failureOf);
    await expectFailure(first!.then(thrown), { ...unknown, retry: true });
    // It waits behind the first one, and leaves unsent.
    await expectFailure(second!.then(thrown), { code: status.UNAVAILABLE, reason: 'STORE_UNREACHABLE', retry: true });
    proxy.mode = 'pass';
    const done = (await apart.set(request)).parameter!;
    expect(done.version).to.equal(2n);
    proxy.mode = 'freeze';
    await expectFailure(apart.set({ key: 'unknown', value: int(3) }), { ...unknown, retry: false });
  });

  it('DRAINING ends watches, and refuses calls on connections that are still open', async () => {
    const leaving = await fleet.add({ PARAMD_DRAIN_MS: '2000' });
    const watch = leaving.watch({ prefixes: [''] });
    await watch.begun();
    const draining = { code: status.UNAVAILABLE, reason: 'DRAINING', retry: true };
    const stopped = leaving.replica.stop();
    await expectFailure(watch.ended.then(thrown), draining);
    await stopped;
    leaving.close();
  });

  it('UNFORESEEN has an id for the log, and tells nothing else', async () => {
    const own = await startFleet({ count: 1 });
    try {
      await query(own.databaseUrl, 'ALTER TABLE paramd.current RENAME TO elsewhere');
      const failure = await expectFailure(own.replicas[0]!.get({ key: 'k' }), {
        code: status.INTERNAL,
        reason: 'UNFORESEEN',
        metadata: { errorId: '^[0-9a-f]{16}$' },
      });
      expect(failure.message).to.not.match(/current|relation|paramd\./);
    } finally {
      await own.close();
    }
  });

  it('and that is all of them', () => {
    const all = Object.values(ErrorReason).filter((value) => typeof value === 'string');
    const names = (all.length > 0 ? all : Object.keys(ErrorReason)).map((name) => name.replace('ERROR_REASON_', ''));
    expect([...provoked]).to.have.members(names.filter((name) => !['UNSPECIFIED', 'UNRECOGNIZED'].includes(name)));
  });
});

function thrown(error: unknown): never {
  throw error ?? new Error('it did not fail');
}
