import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  GetParameterRequest,
  GetParameterResponse,
  ParameterServiceService,
  SetParameterRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import type { Call, Read } from '../../src/core/api.ts';
import { encodeParameter } from '../../src/rpc/parameter-codec.ts';
import { aParameter, FRESH } from './fake-core.ts';
import { type Fixture, type RawCall, rawCall, startFixture, until } from './rpc-fixture.ts';

const { getParameter, setParameter } = ParameterServiceService;
const REQUEST = Buffer.from(GetParameterRequest.encode({ key: 'k', consistency: undefined }).finish());

function framed(message: Buffer, flag = 0): Buffer {
  const bytes = Buffer.concat([Buffer.from([flag, 0, 0, 0, 0]), message]);
  bytes.writeUInt32BE(message.length, 1);
  return bytes;
}

describe('a unary call', () => {
  let fixture: Fixture;
  let calls: RawCall[];
  beforeEach(() => {
    calls = [];
  });
  afterEach(async () => {
    for (const { session } of calls) session.destroy();
    await fixture.close();
  });

  function begin(headers = {}, over?: RawCall, path: string = getParameter.path): RawCall {
    const call = rawCall(fixture.server.port, path, undefined, headers, over);
    calls.push(call);
    return call;
  }

  /** What a request of these bytes ends with. */
  function sent(bytes: Buffer, headers = {}) {
    const call = begin(headers);
    call.stream.end(bytes);
    call.stream.resume();
    return call.ended;
  }

  it('has one request, in however many pieces it comes', async () => {
    fixture = await startFixture();
    const { stream, ended } = begin();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    for (const byte of framed(REQUEST)) {
      stream.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    expect(await ended).to.have.property('code', Code.OK);
    const answer = Buffer.concat(parts);
    expect([answer[0], answer.readUInt32BE(1)]).to.deep.equal([0, answer.length - 5]);
    expect(GetParameterResponse.decode(answer.subarray(5)).parameter?.key).to.equal('k');
  });

  it('ends with UNIMPLEMENTED if it has none, half of one, or two', async () => {
    fixture = await startFixture();
    const whole = framed(REQUEST);
    for (const bytes of [Buffer.alloc(0), whole.subarray(0, -1), whole.subarray(0, 3)]) {
      expect(await sent(bytes)).to.have.property('code', Code.UNIMPLEMENTED);
    }
    expect(await sent(Buffer.concat([whole, whole]))).to.have.property('code', Code.UNIMPLEMENTED);
    expect(fixture.core.asked).to.deep.equal([]);
    expect(fixture.outcomes).to.deep.equal([]);
  });

  it('is not handled before its request has ended', async () => {
    fixture = await startFixture();
    const open = begin();
    open.stream.write(framed(REQUEST));
    expect(await sent(framed(REQUEST))).to.have.property('code', Code.OK);
    expect(fixture.core.asked).to.have.length(1);
    open.stream.end();
    open.stream.resume();
    expect(await open.ended).to.have.property('code', Code.OK);
  });

  it('may be compressed', async () => {
    fixture = await startFixture();
    for (const [encoding, message] of [
      ['gzip', gzipSync(REQUEST)],
      ['deflate', deflateSync(REQUEST)],
    ] as const) {
      expect(await sent(framed(message, 1), { 'grpc-encoding': encoding }), encoding).to.have.property('code', Code.OK);
    }
    const unknown = await sent(framed(REQUEST, 1), { 'grpc-encoding': 'br' });
    expect(unknown).to.have.property('code', Code.UNIMPLEMENTED);
    expect(await sent(framed(REQUEST, 1), { 'grpc-encoding': 'gzip' })).to.have.property('code', Code.INTERNAL);
  });

  it('ends when the caller waits no longer, and tells the core', async () => {
    fixture = await startFixture();
    fixture.core.answer.get = (_key, _consistency, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    expect(await sent(framed(REQUEST), { 'grpc-timeout': '30m' })).to.have.property('code', Code.DEADLINE_EXCEEDED);
    await until(() => fixture.outcomes.length === 1);
    expect(fixture.outcomes[0]).to.include({ status: 'DEADLINE_EXCEEDED' });
    const unfinished = begin({ 'grpc-timeout': '30m' });
    expect(await unfinished.ended).to.have.property('code', Code.DEADLINE_EXCEEDED);
  });

  it('tells of a defect also when its caller has left', async () => {
    fixture = await startFixture();
    const { promise, reject } = Promise.withResolvers<Read>();
    fixture.core.answer.get = () => promise;
    const { stream } = begin();
    stream.end(framed(REQUEST));
    await until(() => fixture.core.asked.length === 1);
    const signal = (fixture.core.asked[0]!.arguments[2] as Call).signal;
    stream.close(constants.NGHTTP2_CANCEL);
    await once(signal, 'abort');
    reject(new TypeError('a defect'));
    await until(() => fixture.outcomes.length === 1);
    expect(fixture.outcomes[0]).to.include({ status: 'CANCELLED' });
    expect(fixture.outcomes[0]!.error).to.be.instanceOf(TypeError);
  });

  it('knows who writes from its metadata, where they are some', async () => {
    fixture = await startFixture();
    const set = Buffer.from(
      SetParameterRequest.encode(
        SetParameterRequest.fromPartial({ key: 'k', value: { kind: { $case: 'stringValue', value: 'v' } } }),
      ).finish(),
    );
    for (const actor of ['someone', 'beyond ÿ']) {
      const call = begin({ 'paramd-actor': actor }, undefined, setParameter.path);
      call.stream.end(framed(set));
      call.stream.resume();
      await call.ended;
    }
    const actors = fixture.core.asked.map(({ arguments: [write] }) => (write as { actor: string }).actor);
    expect(actors).to.deep.equal(['someone', '']);
  });

  it('keeps its connection from being closed as idle, and no longer', async () => {
    fixture = await startFixture({ limits: { connectionIdleMs: 200 } });
    const { promise, resolve } = Promise.withResolvers<Read>();
    fixture.core.answer.get = () => promise;
    const goaways = new Set<ClientHttp2Session>();
    const busy = begin();
    busy.stream.end(framed(REQUEST));
    busy.stream.resume();
    busy.session.on('goaway', () => goaways.add(busy.session));
    await until(() => fixture.core.asked.length === 1);
    const idle = begin();
    idle.session.on('goaway', () => goaways.add(idle.session));
    idle.stream.close();
    await until(() => goaways.size === 1);
    expect(goaways).to.deep.equal(new Set([idle.session]));
    resolve({ parameter: encodeParameter(aParameter()), freshness: FRESH });
    expect(await busy.ended).to.have.property('code', Code.OK);
    await until(() => goaways.size === 2);
  });

  it('is finished on a connection that has been told to go away', async () => {
    fixture = await startFixture({ limits: { connectionAgeMs: 100 } });
    const { promise, resolve } = Promise.withResolvers<Read>();
    fixture.core.answer.get = () => promise;
    const { session, stream, ended } = begin();
    stream.end(framed(REQUEST));
    stream.resume();
    await once(session, 'goaway');
    resolve({ parameter: encodeParameter(aParameter()), freshness: FRESH });
    expect(await ended).to.have.property('code', Code.OK);
  });
});
