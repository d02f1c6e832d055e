import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Parameter, type Value } from '../../gen/parameter/v1/parameter.ts';
import { type WatchResponse, WatchResponse_Kind } from '../../gen/parameter/v1/parameter_service.ts';
import { connect, Event_Type, ParamdRpcError, type WatchItem, type WatchSettings } from '../../src/client/index.ts';
import { type OpenWatch, resumingWatch } from '../../src/client/watch.ts';
import { type FakeServer, failure, startFakeServer } from './fake-server.ts';

const value = (text: string): Value => ({ kind: { $case: 'stringValue', value: text } });
const draining = () => failure(status.UNAVAILABLE, 'DRAINING', {}, { retryMs: 1 });

describe('client watch', () => {
  let fake: FakeServer;
  let client: ReturnType<typeof connect>;
  let items: AsyncIterator<WatchItem>;
  beforeEach(async () => {
    fake = await startFakeServer();
    client = connect({ target: fake.target });
  });
  afterEach(async () => {
    await items?.return?.();
    client.close();
    fake.close();
  });

  function watch(settings: WatchSettings = {}): void {
    items = client.watch({ prefixes: ['app:'] }, settings)[Symbol.asyncIterator]();
  }

  /** The next item as a short text. */
  async function next(): Promise<string> {
    const { value: item } = await items.next();
    const revision = `@${item.revision}`;
    if (item.kind === 'snapshot') return `snapshot ${item.parameters.map((p: { key: string }) => p.key)} ${revision}`;
    if (item.kind === 'changes')
      return `${item.events.map((e: { parameter?: { key: string } }) => e.parameter?.key)} ${revision}`;
    return `progress ${revision}`;
  }

  it('tells where it begins, then every change, and nothing else', async () => {
    fake.put('app:old', value('0'));
    watch();
    expect(await next()).to.equal('progress @1');
    fake.put('app:a', value('1'));
    fake.put('elsewhere', value('1'));
    fake.remove('app:a');
    expect([await next(), await next()]).to.deep.equal(['app:a @2', 'app:a @4']);
  });

  it('begins at a revision', async () => {
    for (const key of ['app:1', 'app:2', 'app:3']) fake.put(key, value(key));
    watch({ fromRevision: 2n });
    expect([await next(), await next()]).to.deep.equal(['app:2 @2', 'app:3 @3']);
  });

  it('goes on behind the last revision after UNAVAILABLE: no gap, none twice (C10)', async () => {
    const broken: ParamdRpcError[] = [];
    watch({ onBroken: (error) => broken.push(error) });
    await next();
    fake.put('app:1', value('1'));
    expect(await next()).to.equal('app:1 @1');
    fake.breakWatches(draining());
    fake.put('app:2', value('2'));
    fake.put('app:3', value('3'));
    expect([await next(), await next()]).to.deep.equal(['app:2 @2', 'app:3 @3']);
    expect(broken.map(({ reason }) => reason)).to.deep.equal(['DRAINING']);
    expect(fake.calls.map(({ request }) => (request as { startRevision: bigint }).startRevision)).to.deep.equal([
      0n,
      2n,
    ]);
  });

  it('has no gap where it began before the first write of all (C10)', async () => {
    watch();
    expect(await next()).to.equal('progress @0');
    fake.breakWatches(draining());
    fake.put('app:1', value('1'));
    expect(await next()).to.equal('app:1 @1');
  });

  it('goes on over many breaks without gap or double', async () => {
    watch();
    await next();
    const seen: string[] = [];
    for (let revision = 1; revision <= 30; revision++) {
      fake.put(`app:${revision}`, value('x'));
      if (revision % 3 === 0) fake.breakWatches(draining());
      if (revision % 5 === 0) seen.push(await next());
    }
    while (seen.length < 30) {
      const item = await next();
      if (!item.startsWith('progress')) seen.push(item);
    }
    expect(seen).to.deep.equal(Array.from({ length: 30 }, (_, i) => `app:${i + 1} @${i + 1}`));
  });

  it('gives a snapshot first, whole', async () => {
    fake.put('app:b', value('1'));
    fake.put('app:a', value('1'));
    watch({ initial: true });
    expect(await next()).to.equal('snapshot app:a,app:b @2');
    fake.put('app:c', value('1'));
    expect(await next()).to.equal('app:c @3');
  });

  it('replaces the state where the changes since are gone', async () => {
    watch({ initial: true });
    expect(await next()).to.equal('snapshot  @0');
    fake.put('app:1', value('1'));
    expect(await next()).to.equal('app:1 @1');
    fake.breakWatches(failure(status.DATA_LOSS, 'REVISION_LOST'));
    fake.put('app:2', value('2'));
    fake.compact(2n);
    expect(await next()).to.equal('snapshot app:1,app:2 @2');
  });

  it('ends where the changes since are gone and no snapshot was asked for', async () => {
    watch();
    await next();
    fake.put('app:1', value('1'));
    await next();
    fake.breakWatches(draining());
    fake.put('app:2', value('2'));
    fake.compact(2n);
    const error = await next().catch((thrown: unknown) => thrown);
    expect(error).to.include({ status: 'OUT_OF_RANGE', reason: 'REVISION_COMPACTED' });
  });

  it('ends with an error that would come again', async () => {
    fake.before.push({
      method: 'watch',
      run: () => {
        throw failure(status.INVALID_ARGUMENT, 'INVALID_FIELD');
      },
    });
    watch();
    expect(await next().catch((thrown: unknown) => thrown)).to.include({ status: 'INVALID_ARGUMENT' });
  });

  it('cancels the call when it is left', async () => {
    for await (const _ of client.watch({ prefixes: [''] })) break;
    while (fake.watches.size > 0) await new Promise(setImmediate);
  });

  it('ends with the reason of an abort, also between two attempts', async () => {
    const controller = new AbortController();
    watch({ signal: controller.signal });
    await next();
    const waiting = next().catch((thrown: unknown) => thrown);
    controller.abort(new Error('enough'));
    expect(await waiting).to.have.property('message', 'enough');

    const second = new AbortController();
    watch({ signal: second.signal, onBroken: () => second.abort(new Error('at the break')) });
    await next();
    fake.breakWatches(draining());
    expect(await next().catch((thrown: unknown) => thrown)).to.have.property('message', 'at the break');
  });

  it('lets a slow reader hold the stream back', async () => {
    watch();
    await next();
    for (let i = 0; i < 200; i++) fake.put(`app:${i}`, value('x'.repeat(50_000)));
    const [call] = fake.watches;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(call?.writableLength, 'still on the server').to.be.greaterThan(20);
    for (let i = 0; i < 200; i++) expect(await next()).to.equal(`app:${i} @${i + 1}`);
  });
});

describe('resumingWatch', () => {
  it('waits for a minute where a server asks for more than a timer can take', async () => {
    const broken: number[] = [];
    const retryInfo = { retryDelay: { seconds: 10_000_000n, nanos: 0 } };
    const open: OpenWatch = () => {
      throw new ParamdRpcError(status.UNAVAILABLE, 'come back next summer', { retryInfo });
    };
    const settings = { onBroken: (_: ParamdRpcError, retryInMs: number) => broken.push(retryInMs) };
    const pause = () => Promise.reject(new Error('that is all'));
    const failed = await resumingWatch(open, { prefixes: [''] }, settings, pause)
      .next()
      .catch((error: Error) => error.message);
    expect([failed, broken]).to.deep.equal(['that is all', [60_000]]);
  });

  it('does not go back where a replica is behind the one before (C10)', async () => {
    const changes = (revision: bigint): WatchResponse => {
      const parameter = Parameter.fromPartial({ key: `k${revision}`, revision });
      return {
        events: [{ parameter, previous: undefined, type: Event_Type.TYPE_PUT, revision }],
        revision,
        kind: WatchResponse_Kind.KIND_CHANGES,
      };
    };
    const progress = (revision: bigint) => ({ events: [], revision, kind: WatchResponse_Kind.KIND_PROGRESS });
    const streams = [
      [progress(4n), changes(5n), progress(9n)],
      [progress(6n), changes(9n), progress(9n), changes(10n)],
      [progress(10n), changes(11n)],
    ];
    const started: bigint[] = [];
    const open: OpenWatch = async function* ({ startRevision }) {
      started.push(startRevision);
      const stream = streams.shift();
      if (stream === undefined) throw new Error('that is all');
      yield* stream;
    };
    const seen: string[] = [];
    const following = (async () => {
      for await (const { kind, revision } of resumingWatch(open, { prefixes: [''] }, {}, async () => {})) {
        seen.push(`${kind} ${revision}`);
      }
    })();
    expect(await following.catch((error: Error) => error.message)).to.equal('that is all');
    expect(seen).to.deep.equal([
      'progress 4',
      'changes 5',
      'progress 9',
      'progress 9',
      'changes 10',
      'progress 10',
      'changes 11',
    ]);
    expect(started).to.deep.equal([0n, 10n, 11n, 12n]);
  });
});
