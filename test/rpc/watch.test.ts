import { constants } from 'node:http2';
import { type ClientReadableStream, status as Code, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import {
  type ParameterServiceClient,
  ParameterServiceService,
  WatchRequest,
  type WatchResponse,
} from '../../gen/parameter/v1/parameter_service.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Event } from '../../src/model/event.ts';
import { RESPONSE_BYTES_MAX } from '../../src/rpc/responses/read-responses.ts';
import { watchEncoders } from '../../src/rpc/responses/watch-responses.ts';
import { aParameter, type FakeWatch } from './fake-core.ts';
import { type Fixture, type RichError, rawCall, richError, startFixture, until } from './rpc-fixture.ts';

const WATCH_PATH = ParameterServiceService.watch.path;
const REQUEST: WatchRequest = {
  keys: [],
  prefixes: [''],
  startRevision: 0n,
  sendInitial: false,
  includePrevious: false,
  progressInterval: undefined,
};

interface Watching {
  readonly stream: ClientReadableStream<WatchResponse>;
  readonly responses: WatchResponse[];
  error: RichError | undefined;
}

function start(client: ParameterServiceClient, over: Partial<WatchRequest> = {}): Watching {
  const stream = client.watch({ ...REQUEST, ...over });
  const watching: Watching = { stream, responses: [], error: undefined };
  stream.on('data', (response: WatchResponse) => watching.responses.push(response));
  stream.on('error', (error: ServiceError) => {
    watching.error = richError(error);
  });
  return watching;
}

const large = Value.encode({ kind: { $case: 'stringValue', value: 'x'.repeat(1 << 20) } }).finish();

function put(revision: bigint, over: Partial<Event> = {}): Event {
  const key = `k${revision}`;
  return { type: 'put', key, revision, parameter: aParameter({ key, revision }), previous: null, ...over };
}

function putLarge(revision: bigint): Event {
  return put(revision, { parameter: aParameter({ revision, value: { kind: 'string_value', encoded: large } }) });
}

describe('Watch', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ limits: { watchesPerConnectionMax: 3 } });
  });
  after(() => fixture.close());

  async function open(over: Partial<WatchRequest> = {}): Promise<{ watching: Watching; core: FakeWatch }> {
    const before = new Set(fixture.core.watches);
    const watching = start(fixture.parameters, over);
    await until(() => fixture.core.watches.size > before.size);
    return { watching, core: [...fixture.core.watches].find((watch) => !before.has(watch)) as FakeWatch };
  }

  const rawWatch = () => rawCall(fixture.server.port, WATCH_PATH, WatchRequest.encode(REQUEST).finish());

  async function newest(): Promise<FakeWatch> {
    await until(() => fixture.core.watches.size === 1);
    return [...fixture.core.watches][0] as FakeWatch;
  }

  async function leave(watching: Watching, core: FakeWatch): Promise<void> {
    watching.stream.cancel();
    await until(() => core.closed);
  }

  it('sends a snapshot, changes and progress, in the order of the core', async () => {
    const { watching, core } = await open({ includePrevious: true, progressInterval: { seconds: 1n, nanos: 0 } });
    core.push({ kind: 'initial', parameters: [aParameter({ key: 'a' }), aParameter({ key: 'b' })] });
    core.push({ kind: 'initial-complete', revision: 7n });
    const gone = aParameter({ key: 'a', value: undefined, revision: 8n, labels: new Map(), cacheTtlNs: 0n });
    const deleted = put(8n, { type: 'delete', key: 'a', parameter: gone, previous: aParameter({ key: 'a' }) });
    core.push({ kind: 'changes', revision: 9n, groups: [[deleted], [put(9n)]] });
    core.push({ kind: 'progress', revision: 20n });
    await until(() => watching.responses.length === 4);
    const [initial, complete, changes, progress] = watching.responses as [
      WatchResponse,
      WatchResponse,
      WatchResponse,
      WatchResponse,
    ];
    expect(initial).to.deep.include({ kind: 1, revision: 0n });
    expect(initial.events.map(({ parameter, type }) => [parameter?.key, type])).to.deep.equal([
      ['a', 1],
      ['b', 1],
    ]);
    expect(complete).to.deep.include({ kind: 2, revision: 7n, events: [] });
    expect(changes).to.deep.include({ kind: 3, revision: 9n });
    expect(changes.events.map(({ type, revision }) => [type, revision])).to.deep.equal([
      [2, 8n],
      [1, 9n],
    ]);
    expect(changes.events[0]).to.have.nested.property('previous.value.kind.value', 100n);
    expect(changes.events[0]).to.have.nested.property('parameter.cacheTtl', undefined);
    expect(changes.events[1]).to.have.property('previous', undefined);
    expect(progress).to.deep.include({ kind: 4, revision: 20n, events: [] });
    await leave(watching, core);
  });

  it('splits what is too large for a response, never within a revision (C10)', async () => {
    const { watching, core } = await open();
    core.push({ kind: 'initial', parameters: Array.from({ length: 5 }, () => putLarge(1n).parameter!) });
    core.push({ kind: 'initial-complete', revision: 7n });
    const groups = [[putLarge(8n), putLarge(8n)], [putLarge(9n), put(9n)], [putLarge(10n)], [put(11n)]];
    core.push({ kind: 'changes', revision: 12n, groups });
    await until(() => watching.responses.some(({ revision }) => revision === 12n));
    const shape = watching.responses.map(({ kind, revision, events }) => [kind, Number(revision), events.length]);
    expect(shape).to.deep.equal([
      [1, 0, 3],
      [1, 0, 2],
      [2, 7, 0],
      [3, 9, 4],
      [3, 12, 2],
    ]);
    await leave(watching, core);
  });

  it('asks for the next batch only when the former one has left, and slows nobody meanwhile (C11)', async () => {
    const slow = await startFixture({ limits: { stallMs: 1000 } });
    const bytes = WatchRequest.encode(REQUEST).finish();
    const stalled = rawCall(slow.server.port, WATCH_PATH, bytes);
    await until(() => slow.core.watches.size === 1);
    const watching = start(slow.parameters);
    await until(() => slow.core.watches.size === 2);
    const [stalledCore, core] = [...slow.core.watches] as [FakeWatch, FakeWatch];
    for (let revision = 1n; revision <= 20n; revision++) {
      const groups = [[putLarge(revision)]];
      for (const watch of [stalledCore, core]) watch.push({ kind: 'changes', revision, groups });
    }
    // Flow control stops the first message of the one that nobody reads.
    await until(() => watching.responses.length === 20);
    expect(stalledCore.nexts).to.equal(1);
    // And the stall timer ends its stream, below grpc-js.
    await until(() => stalledCore.closed);
    expect(stalledCore.nexts).to.equal(1);
    stalled.stream.resume();
    await stalled.ended;
    expect(stalled.stream.rstCode).to.equal(constants.NGHTTP2_CANCEL);
    stalled.session.destroy();
    expect(core.closed).to.equal(false);
    watching.stream.cancel();
    await slow.close();
  });

  it('ends with the error of the core', async () => {
    const { watching, core } = await open();
    core.fail(new ParamdError({ reason: 'REVISION_COMPACTED', requested: 3n, oldestRevision: 8n }));
    await until(() => watching.error !== undefined);
    expect(watching.error).to.deep.include({ code: Code.OUT_OF_RANGE, reason: 'REVISION_COMPACTED' });
    expect(watching.error?.metadata).to.deep.equal({ oldestRevision: '8' });
    expect(core.closed).to.equal(true);
  });

  it('answers for defects with an id', async () => {
    const { watching, core } = await open();
    core.fail(new TypeError('of ours'));
    await until(() => watching.error !== undefined);
    expect(watching.error).to.deep.include({ code: Code.INTERNAL, reason: 'UNFORESEEN' });
  });

  it('is refused with the status of bad input', async () => {
    const watching = start(fixture.parameters, { prefixes: [] });
    await until(() => watching.error !== undefined);
    expect(watching.error).to.deep.include({ code: Code.INVALID_ARGUMENT, reason: 'INVALID_FIELD', fields: ['keys'] });
  });

  it('is closed in the core when the caller leaves, by cancel or by connection', async () => {
    const one = await open();
    await leave(one.watching, one.core);
    const call = rawWatch();
    const core = await newest();
    call.session.destroy();
    await until(() => core.closed);
  });

  it('is told to go elsewhere when its connection closes for its age', async () => {
    const aged = await startFixture({ limits: { connectionAgeMs: 200, connectionAgeGraceMs: 60_000 } });
    const watching = start(aged.parameters);
    await until(() => watching.error !== undefined);
    expect(watching.error).to.deep.include({ code: Code.UNAVAILABLE, reason: 'DRAINING', retryMs: 100 });
    await aged.close();
  });

  it('is bounded per connection', async () => {
    const opened = [await open(), await open(), await open()];
    const refused = start(fixture.parameters);
    await until(() => refused.error !== undefined);
    expect(refused.error).to.deep.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED' });
    expect(refused.error?.metadata).to.deep.equal({ limit: 'watches_per_connection', maximum: '3' });
    for (const { watching, core } of opened) await leave(watching, core);
    await until(() => fixture.core.watches.size === 0);
    const again = await open();
    await leave(again.watching, again.core);
  });

  it('that the core refuses do not count', async () => {
    fixture.core.answer.watch = () => {
      throw new ParamdError({ reason: 'RATE_LIMITED', limit: 'watches', maximum: 1, retryMs: 1000 });
    };
    for (let count = 0; count < 5; count++) {
      const refused = start(fixture.parameters);
      await until(() => refused.error !== undefined);
      expect(refused.error?.reason).to.equal('RATE_LIMITED');
    }
    fixture.core.answer.watch = undefined;
    const { watching, core } = await open();
    await leave(watching, core);
  });
});

describe('watch encoders', () => {
  it('encode a group of events once, for all who get it', () => {
    let encoded = 0;
    const { withoutPrevious } = watchEncoders(() => encoded++);
    const group = [put(8n), put(8n)];
    const [one] = withoutPrevious({ kind: 'changes', revision: 8n, groups: [group] });
    const [other] = withoutPrevious({ kind: 'changes', revision: 8n, groups: [group] });
    expect(one).to.equal(other);
    expect([...withoutPrevious({ kind: 'changes', revision: 8n, groups: [[group[1]!]] })]).to.have.length(1);
    expect([...withoutPrevious({ kind: 'changes', revision: 9n, groups: [group, [put(9n)]] })]).to.have.length(1);
    expect(encoded).to.equal(3);
  });

  it('keep views apart', () => {
    const { withPrevious, withoutPrevious } = watchEncoders(() => {});
    const group = [put(8n, { previous: aParameter() })];
    const [one] = withPrevious({ kind: 'changes', revision: 8n, groups: [group] });
    const [other] = withoutPrevious({ kind: 'changes', revision: 8n, groups: [group] });
    expect(one?.length).to.be.greaterThan(other?.length ?? 0);
  });

  it('never pass the size of a response with whole commits', () => {
    const { withoutPrevious } = watchEncoders(() => {});
    const groups = Array.from({ length: 9 }, (_, index) => [putLarge(BigInt(index)), putLarge(BigInt(index))]);
    for (const response of withoutPrevious({ kind: 'changes', revision: 9n, groups })) {
      expect(response.length).to.be.at.most(RESPONSE_BYTES_MAX);
    }
  });
});
