import { gzipSync } from 'node:zlib';
import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { type Fixture, type RawCall, rawCall, startFixture, until } from './rpc-fixture.ts';

const { path } = ParameterServiceService.getParameter;
const KEY = Buffer.from('0a016b', 'hex');
/** A request for one key, with 40 kB in a field that the server does not know. */
const LARGE = Buffer.concat([KEY, Buffer.from('c23ec0b802', 'hex'), Buffer.alloc(40_000)]);

describe('requests that are not whole (C15)', () => {
  let fixture: Fixture;
  let calls: RawCall[];
  beforeEach(async () => {
    const limits = { heldRequestBytesPerConnectionMax: 100_000, heldRequestBytesMax: 150_000 };
    fixture = await startFixture({ limits });
    calls = [];
  });
  afterEach(async () => {
    for (const { session } of calls) session.destroy();
    await fixture.close();
  });

  /** So many bytes of a request of a megabyte. */
  function begin(bytes: number, over?: RawCall, headers = {}): RawCall {
    const call = rawCall(fixture.server.port, path, undefined, headers, over);
    calls.push(call);
    const begun = Buffer.alloc(5 + bytes);
    begun.writeUInt32BE(1_000_000, 1);
    call.stream.write(begun);
    return call;
  }

  /** Its status; the request is whole. */
  async function ask(bytes: Buffer, headers = {}, over?: RawCall): Promise<number | undefined> {
    const call = rawCall(fixture.server.port, path, bytes, headers, over);
    calls.push(call);
    call.stream.resume();
    return (await call.ended)?.code;
  }

  it('are bounded for each connection', async () => {
    const first = begin(60_000);
    const second = begin(60_000, first);
    const refused = await Promise.race([first.ended, second.ended]);
    expect(refused).to.include({ code: Code.RESOURCE_EXHAUSTED });
    expect(refused?.message).to.include('held_request_bytes_per_connection is 100000: retry after 1000 ms');
    expect(fixture.outcomes).to.deep.include({
      ...{ method: path, status: 'RESOURCE_EXHAUSTED' },
      peer: fixture.outcomes[0]?.peer,
    });
    expect([first, second].filter(({ stream }) => !stream.closed)).to.have.length(1);
  });

  it('are lost by the connection that holds the most, where the process has no room', async () => {
    const most = [begin(45_000)];
    most.push(begin(45_000, most[0]));
    const some = begin(40_000);
    // Neither of them whole, so it is known that they came by what a third one is told.
    await until(() => [...most, some].every(({ stream }) => stream.writableLength === 0));
    expect(await ask(Buffer.concat([Buffer.from([0x0a, 0xa8, 0xc3, 0x01]), Buffer.alloc(25_000, 'k')]))).to.equal(
      Code.INVALID_ARGUMENT,
    );
    const large = begin(60_000);
    expect((await most[0]!.ended)?.message).to.include('held_request_bytes is 150000');
    expect([some, large].map(({ stream }) => stream.closed)).to.deep.equal([false, false]);
  });

  it('give their room back when they are closed', async () => {
    const first = begin(1);
    first.session.setMaxListeners(0);
    for (let round = 0; round < 4; round++) {
      // That the former one is closed may not have come to the server when this one has.
      for (let isTaken = false; !isTaken; ) {
        const call = begin(60_000, first);
        await until(() => call.stream.closed || call.stream.writableLength === 0);
        expect(await ask(Buffer.from('0a016b', 'hex'), {}, first)).to.equal(Code.OK);
        isTaken = !call.stream.closed;
        call.stream.close();
      }
    }
  });

  /** Calls on two connections each of which takes nothing of any answer. */
  async function untaken(asked: string, bytes: Buffer, callsOfEach: number, headers = {}): Promise<RawCall[]> {
    const made: RawCall[] = [];
    for (let connection = 0; connection < 2; connection++) {
      const over = rawCall(fixture.server.port, path, undefined);
      calls.push(over);
      over.session.setMaxListeners(0);
      await new Promise<void>((resolve) => over.session.settings({ initialWindowSize: 0 }, () => resolve()));
      for (let call = 0; call < callsOfEach; call++) {
        made.push(rawCall(fixture.server.port, asked, bytes, headers, over));
      }
    }
    return made;
  }

  it('are not held on by answers that nobody takes', async () => {
    for (const [bytes, headers, callsOfEach] of [
      [LARGE, {}, 2],
      [KEY, { 'x-large': 'x'.repeat(10_000) }, 8],
    ] as const) {
      fixture.outcomes.length = 0;
      const made = await untaken(path, bytes, callsOfEach, headers);
      await until(() => fixture.outcomes.length === made.length);
      expect(new Set(fixture.outcomes.map(({ status }) => status))).to.deep.equal(new Set(['OK']));
      expect(await ask(LARGE)).to.equal(Code.OK);
      expect(made.filter(({ stream }) => stream.closed)).to.deep.equal([]);
    }
  });

  it('are not held on by streams that run', async () => {
    const { path: watch } = ParameterServiceService.watch;
    const made = await untaken(watch, LARGE, 2, { 'x-large': 'x'.repeat(10_000) });
    await until(() => fixture.core.watches.size === made.length || fixture.outcomes.length > 0);
    expect(fixture.outcomes).to.deep.equal([]);
    expect(await ask(LARGE)).to.equal(Code.OK);
  });

  it('count by what comes out of them where they are compressed', async () => {
    const compressed = gzipSync(Buffer.alloc(500_000));
    const call = rawCall(fixture.server.port, path, undefined, { 'grpc-encoding': 'gzip' });
    calls.push(call);
    const framed = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), compressed]);
    framed.writeUInt32BE(compressed.length, 1);
    call.stream.write(framed);
    expect((await call.ended)?.message).to.include('held_request_bytes_per_connection');
  });
});
