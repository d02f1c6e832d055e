import { connect as connectSocket, type Socket } from 'node:net';
import { status as Code, Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { CacheServiceClient, CacheServiceService } from '../../gen/parameter/v1/cache_service.ts';
import {
  type GetParameterRequest,
  type GetParameterResponse,
  ParameterServiceClient,
  ParameterServiceService,
} from '../../gen/parameter/v1/parameter_service.ts';
import type { Read } from '../../src/core/api.ts';
import { ParamdError } from '../../src/model/errors.ts';
import { RPC_LIMITS } from '../../src/rpc/limits.ts';
import { encodeParameter } from '../../src/rpc/parameter-codec.ts';
import { aParameter, FRESH } from './fake-core.ts';
import { ask, type Fixture, failure, rawCall, richError, startFixture, until } from './rpc-fixture.ts';

const GET_PATH = ParameterServiceService.getParameter.path;
const GET = { key: 'k', consistency: undefined };

function get(client: ParameterServiceClient, metadata = new Metadata(), options = {}): Promise<GetParameterResponse> {
  return ask(
    (request: GetParameterRequest, callback) => client.getParameter(request, metadata, options, callback),
    GET,
  );
}

/** A core that answers when it is told to. */
function held(fixture: Fixture): () => void {
  const { promise, resolve } = Promise.withResolvers<Read>();
  fixture.core.answer.get = () => promise;
  return () => resolve({ parameter: encodeParameter(aParameter()), freshness: FRESH });
}

function closed(socket: Socket): Promise<unknown> {
  socket.resume();
  return new Promise((resolve) => socket.on('error', resolve).once('close', resolve));
}

describe('rpc server', () => {
  let fixture: Fixture;
  afterEach(() => fixture.close());

  it('answers random bytes with INVALID_ARGUMENT or what they say, and stays up (C15)', async () => {
    fixture = await startFixture();
    const methods = { ...ParameterServiceService, ...CacheServiceService };
    const seen = new Set<number>();
    for (const { path } of Object.values(methods)) {
      for (const bytes of [
        Buffer.from([0xff, 0xff, 0xff]),
        Buffer.from('0a7f01', 'hex'),
        Buffer.from('not protobuf'),
      ]) {
        const call = rawCall(fixture.server.port, path, bytes);
        const status = await call.ended;
        call.session.destroy();
        seen.add(status?.code ?? -1);
      }
    }
    expect([...seen]).to.deep.equal([Code.INVALID_ARGUMENT]);
    expect(await get(fixture.parameters)).to.have.nested.property('parameter.key', 'k');
  });

  it('refuses a request larger than its bound', async () => {
    fixture = await startFixture({ limits: { requestBytesMax: 1000 } });
    const call = rawCall(fixture.server.port, GET_PATH, Buffer.alloc(2000));
    expect(await call.ended).to.have.property('code', Code.RESOURCE_EXHAUSTED);
    call.session.destroy();
  });

  it('ends a call whose request does not end', async () => {
    fixture = await startFixture({ limits: { unaryTimeoutMs: 200 } });
    for (const path of [GET_PATH, ParameterServiceService.watch.path]) {
      const call = rawCall(fixture.server.port, path, undefined);
      expect(await call.ended).to.have.property('code', Code.DEADLINE_EXCEEDED);
      call.session.destroy();
    }
  });

  it('ends a call that the core does not answer, and tells the core', async () => {
    fixture = await startFixture({ limits: { unaryTimeoutMs: 200 } });
    let signal: AbortSignal | undefined;
    fixture.core.answer.get = (_key, _consistency, call) => {
      signal = call.signal;
      return new Promise(() => undefined);
    };
    const error = await failure(get(fixture.parameters));
    expect(error.code).to.equal(Code.DEADLINE_EXCEEDED);
    expect(signal?.aborted).to.equal(true);
    expect(fixture.outcomes.at(-1)).to.deep.include({ status: 'DEADLINE_EXCEEDED' });
  });

  it('tells the core that the caller has left', async () => {
    fixture = await startFixture();
    let signal: AbortSignal | undefined;
    const release = held(fixture);
    const answer = fixture.core.answer.get!;
    fixture.core.answer.get = (key, consistency, call) => {
      signal = call.signal;
      return answer(key, consistency, call);
    };
    const call = fixture.parameters.getParameter(GET, () => undefined);
    await until(() => signal !== undefined);
    call.cancel();
    await until(() => signal?.aborted === true);
    release();
    await until(() => fixture.outcomes.length === 1);
    expect(fixture.outcomes[0]?.status).to.equal('CANCELLED');
  });

  it('keeps a connection on which the deadlines of thousands of calls pass at once', async () => {
    fixture = await startFixture();
    const innocent = Promise.withResolvers<Read>();
    let left = 0;
    fixture.core.answer.get = (key, _consistency, { signal }) => {
      if (key === 'innocent') return innocent.promise;
      signal.addEventListener('abort', () => (left += 1));
      return new Promise(() => undefined);
    };
    const answer = ask((request: GetParameterRequest, callback) => fixture.parameters.getParameter(request, callback), {
      ...GET,
      key: 'innocent',
    });
    answer.catch(() => undefined);
    for (let round = 1; round <= 3; round++) {
      const calls = Array.from({ length: 800 }, () => fixture.parameters.getParameter(GET, () => undefined));
      await until(() => fixture.core.asked.length === round * 800 + 1);
      for (const call of calls) call.cancel();
      await until(() => left === round * 800);
    }
    innocent.resolve({ parameter: encodeParameter(aParameter()), freshness: FRESH });
    await answer;
  });

  it('bounds metadata', async () => {
    fixture = await startFixture({ limits: { metadataBytesMax: 1000 } });
    const metadata = new Metadata();
    metadata.set('x', 'y'.repeat(1000));
    const error = await failure(get(fixture.parameters, metadata));
    expect(error).to.deep.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED' });
    expect(error.metadata).to.deep.equal({ limit: 'metadata_bytes', maximum: '1000' });
    await get(fixture.parameters);
  });

  it('limits the rate of a connection where that is asked for', async () => {
    fixture = await startFixture({ limits: { ratePerConnectionMax: 0.01 } });
    await get(fixture.parameters);
    const error = await failure(get(fixture.parameters));
    expect(error).to.deep.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED' });
    expect(error.retryMs).to.be.within(1000, 100_000);
    await get(fixture.connect(ParameterServiceClient));
  });

  it('counts connections, and closes those that say nothing', async () => {
    fixture = await startFixture({ limits: { connectionsMax: 2, prefaceMs: 200 } });
    const { port } = fixture.server;
    const silent = [connectSocket(port), connectSocket(port), connectSocket(port)];
    await Promise.all(silent.map(closed));
    await get(fixture.parameters);
  });

  it('closes connections that have fallen silent, within half a minute by default', async () => {
    expect(RPC_LIMITS.keepaliveMs + RPC_LIMITS.keepaliveTimeoutMs).to.be.at.most(25_000);
    fixture = await startFixture({ limits: { keepaliveMs: 100, keepaliveTimeoutMs: 100 } });
    const silent = connectSocket(fixture.server.port);
    const settings = Buffer.from('000000040000000000', 'hex');
    silent.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings]));
    await closed(silent);
    await get(fixture.parameters);
  });

  it('survives who speaks another protocol', async () => {
    fixture = await startFixture();
    for (const words of [
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01',
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'x'.repeat(99)}`,
    ]) {
      const socket = connectSocket(fixture.server.port);
      socket.write(words);
      await closed(socket);
    }
    await get(fixture.parameters);
  });

  it('drains: calls finish, streams end, new calls are refused, health tells (C14)', async () => {
    fixture = await startFixture();
    const { server, core } = fixture;
    server.setServing(true);
    const release = held(fixture);
    const inFlight = get(fixture.parameters);
    const watch = fixture.parameters.watch({ ...WATCH });
    const ended = new Promise<ServiceError>((resolve) => watch.on('error', resolve).resume());
    await until(() => core.asked.length === 2);
    const drained = server.drain(5000);
    expect(richError(await ended)).to.deep.include({ code: Code.UNAVAILABLE, reason: 'DRAINING', retryMs: 100 });
    expect(core.watches.size).to.equal(0);
    const late = await failure(get(fixture.connect(ParameterServiceClient)));
    expect(late.code).to.equal(Code.UNAVAILABLE);
    release();
    expect(await inFlight).to.have.nested.property('parameter.revision', 7n);
    await drained;
    expect(server.drain(5000)).to.be.instanceOf(Promise);
  });

  it('drains in bounded time though a call hangs and a client does not read', async () => {
    fixture = await startFixture();
    held(fixture);
    const hanging = failure(get(fixture.parameters));
    await until(() => fixture.core.asked.length === 1);
    const call = rawCall(fixture.server.port, ParameterServiceService.watch.path, Buffer.from('1200', 'hex'));
    await until(() => fixture.core.watches.size === 1);
    const [watch] = fixture.core.watches;
    const parameter = aParameter({
      value: { kind: 'bytes_value', encoded: Buffer.concat([Buffer.from('2a808040', 'hex'), Buffer.alloc(1 << 20)]) },
    });
    watch?.push({ kind: 'initial', parameters: [parameter, parameter, parameter] });
    await fixture.server.drain(200);
    expect((await hanging).code).to.be.oneOf([Code.UNAVAILABLE, Code.CANCELLED]);
    await call.ended;
    call.session.destroy();
  });

  it('tells when the port is taken', async () => {
    fixture = await startFixture();
    const listen = { host: '127.0.0.1', port: fixture.server.port };
    let error: unknown;
    await startFixture({ listen }).catch((caught) => {
      error = caught;
    });
    expect(error).to.have.property('code', 'EADDRINUSE');
  });

  it('tells its observer of every call once', async () => {
    fixture = await startFixture();
    await get(fixture.parameters);
    fixture.core.answer.get = async () => {
      throw new ParamdError({ reason: 'DRAINING' });
    };
    await failure(get(fixture.parameters));
    await until(() => fixture.outcomes.length === 2);
    expect(fixture.outcomes.map(({ method, status }) => [method, status])).to.deep.equal([
      [GET_PATH, 'OK'],
      [GET_PATH, 'UNAVAILABLE'],
    ]);
    expect(fixture.outcomes[0]?.peer).to.match(/^127\.0\.0\.1:\d+$/);
  });
});

describe('CacheService', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ limits: { warmsMax: 1 } });
  });
  after(() => fixture.close());

  it('tells the counts of each tier', async () => {
    const stats = await ask(fixture.cache.getStats.bind(fixture.cache), {});
    expect(stats).to.deep.include({
      replicaId: 'replica-1',
      serverVersion: '1.2.3',
      appliedRevision: 7n,
      busState: 1,
      loads: 4n,
      watchers: 1n,
    });
    expect(stats).to.have.nested.property('tiers[0].hitRatio', 0.75);
    expect(stats).to.have.nested.property('tiers[1].hitRatio', 0);
    expect(stats)
      .to.have.nested.property('uptime.seconds')
      .satisfies((seconds: bigint) => seconds >= 5n);
    expect(stats).to.have.nested.property('freshnessAge.nanos', 42_250_000);
  });

  it('streams the progress of warming, and passes the bounds on', async () => {
    const progress = await collect(fixture.cache, 'p:', 0);
    expect(progress).to.deep.equal([
      [10n, false],
      [20n, true],
    ]);
    expect(fixture.core.asked.at(-1)?.arguments[0]).to.deep.equal({ prefix: 'p:', keysPerSecondMax: 5000 });
  });

  it('stops warming when the caller leaves, and bounds it', async () => {
    let stopped = false;
    fixture.core.answer.warm = async function* (_request, call) {
      yield { warmedKeys: 1, complete: false };
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      stopped = true;
    };
    const stream = fixture.cache.warmCache({ prefix: '', maxKeysPerSecond: 0 });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
    const refused = await failure(collect(fixture.connect(CacheServiceClient), '', 0));
    expect(refused.metadata).to.deep.equal({ limit: 'warms', maximum: '1' });
    stream.cancel();
    await until(() => stopped);
  });
});

async function collect(client: CacheServiceClient, prefix: string, maxKeysPerSecond: number): Promise<unknown[]> {
  const progress: unknown[] = [];
  for await (const { warmedKeys, complete } of client.warmCache({ prefix, maxKeysPerSecond })) {
    progress.push([warmedKeys, complete]);
  }
  return progress;
}

const WATCH = {
  keys: [],
  prefixes: [''],
  startRevision: 0n,
  sendInitial: false,
  includePrevious: false,
  progressInterval: undefined,
};
