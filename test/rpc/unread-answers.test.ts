import { expect } from 'chai';
import { GetParameterRequest, ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import type { Read } from '../../src/core/api.ts';
import { encodeParameter } from '../../src/rpc/parameter-codec.ts';
import { aParameter, FRESH } from './fake-core.ts';
import { type Fixture, type RawCall, rawCall, startFixture, until } from './rpc-fixture.ts';

const { path } = ParameterServiceService.getParameter;
const REQUEST = GetParameterRequest.encode({ key: 'k', consistency: undefined }).finish();
const RESOURCE_EXHAUSTED = 8;
const large = aParameter({ value: { kind: 'string_value', encoded: Buffer.alloc(400_000, 'x') } });

describe('answers that nobody reads (C15)', () => {
  let fixture: Fixture;
  let first: RawCall;
  beforeEach(async () => {
    fixture = await startFixture({ limits: { unreadBytesPerConnectionMax: 1_000_000, stallMs: 500 } });
    fixture.core.answer.get = async () => ({ parameter: encodeParameter(large), freshness: FRESH });
  });
  afterEach(async () => {
    first.session.destroy();
    await fixture.close();
  });

  /** On one connection, of which nothing is read beyond HTTP/2's first window of 64 KiB. */
  async function unread(calls: number): Promise<RawCall[]> {
    first = rawCall(fixture.server.port, path, REQUEST);
    const others = Array.from({ length: calls - 1 }, () => rawCall(fixture.server.port, path, REQUEST, {}, first));
    await until(() => fixture.outcomes.length === calls);
    return [first, ...others];
  }

  it('are bounded for each connection, also when they come at once, and leave others alone', async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<Read>();
    fixture.core.answer.get = () => {
      if (++asked === 5) resolve({ parameter: encodeParameter(large), freshness: FRESH });
      return promise;
    };
    const calls = await unread(5);
    expect(fixture.outcomes.map(({ status }) => status).toSorted()).to.deep.equal([
      ...['OK', 'OK'],
      ...['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'],
    ]);
    const refused = await calls[4]!.ended;
    expect(refused).to.include({ code: RESOURCE_EXHAUSTED });
    expect(refused!.message).to.include('unread_bytes_per_connection');
    const other = rawCall(fixture.server.port, path, REQUEST);
    other.stream.resume();
    expect(await other.ended).to.include({ code: 0 });
    other.session.destroy();
  });

  it('are given up in time, be they ever so small', async () => {
    fixture.core.answer.get = async () => ({ parameter: encodeParameter(aParameter()), freshness: FRESH });
    const settings = { initialWindowSize: 0 };
    first = rawCall(fixture.server.port, path, undefined);
    await new Promise<void>((resolve) => first.session.settings(settings, () => resolve()));
    const small = rawCall(fixture.server.port, path, REQUEST, {}, first);
    await until(() => fixture.outcomes.length === 1);
    expect(small.stream.closed).to.equal(false);
    await until(() => small.stream.closed);
    expect(small.stream.rstCode).to.equal(8);
  });

  it('are given up in time, and then there is room again', async () => {
    const [one, two] = await unread(3);
    for (const { stream } of [one!, two!]) await until(() => stream.rstCode !== 0 || stream.closed || stream.destroyed);
    fixture.outcomes.length = 0;
    await until(() => {
      const again = rawCall(fixture.server.port, path, REQUEST, {}, first);
      again.stream.resume();
      return fixture.outcomes.some(({ status }) => status === 'OK');
    });
  });
});
