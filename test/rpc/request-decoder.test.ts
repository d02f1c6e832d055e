import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import fc from 'fast-check';
import type { HeldRequests } from '../../src/rpc/held-requests.ts';
import { QUESTIONS, RequestDecoder } from '../../src/rpc/request-decoder.ts';
import type { BaseCall } from '../../src/rpc/transport.ts';

const BYTES_MAX = 50_000;

interface Subject {
  readonly decoder: RequestDecoder;
  /** Codes that the call ended with. */
  readonly told: number[];
  heldBytes: number;
}

function subject({
  isStream = false,
  encoding = 'identity',
  room = Number.POSITIVE_INFINITY,
  waiting = 0,
} = {}): Subject {
  const told: number[] = [];
  const sendStatus = ({ code }: { code: number }) => told.push(code);
  const stream = { resume: () => {} };
  const base = { incomingEncoding: encoding, sendStatus, stream } as unknown as BaseCall;
  const held: HeldRequests = {
    hold: (_request, bytes) => {
      made.heldBytes += bytes;
      return made.heldBytes <= room;
    },
    release: () => {
      made.heldBytes = 0;
    },
    refuse: () => undefined,
  };
  const made = {
    decoder: new RequestDecoder(base, '/x', BYTES_MAX, held, isStream ? Array(waiting) : undefined),
    told,
    heldBytes: 0,
  };
  return made;
}

function framed(message: Uint8Array, flag = 0): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes[0] = flag;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

describe('request decoder', () => {
  it('cuts the same messages out of the bytes, however they come', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 6 }), lengths, (messages, cuts) => {
        const { decoder, told } = subject({ isStream: true });
        const bytes = Buffer.concat(messages.map((message) => framed(message)));
        const cut: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const length = cuts[turn % cuts.length]!;
          cut.push(...decoder.write(bytes.subarray(at, at + length)));
          at += length;
        }
        expect(cut.map(String)).to.deep.equal(messages.map((message) => String(framed(message))));
        expect(told).to.deep.equal([]);
      }),
    );
  });

  it('keeps nothing of the reads that the bytes came in', () => {
    const { decoder } = subject();
    const whole = framed(Buffer.alloc(1000, 'x'));
    const read = Buffer.concat([whole, Buffer.alloc(60_000)]);
    const [message] = decoder.write(read.subarray(0, whole.length));
    expect(message).to.deep.equal(whole);
    expect(message!.buffer).to.not.equal(read.buffer);
  });

  it('holds no more than twice what has come, and counts it', () => {
    const call = subject();
    const bytes = framed(Buffer.alloc(BYTES_MAX));
    for (let at = 0; at < 20_000; at += 100) {
      call.decoder.write(bytes.subarray(at, at + 100));
      if (at + 100 >= 8192) expect(call.heldBytes).to.be.within(at + 100, 2 * (at + 100));
    }
  });

  it('takes no more when there is no room', () => {
    const call = subject({ room: 10_000 });
    const bytes = framed(Buffer.alloc(BYTES_MAX));
    expect(call.decoder.write(bytes.subarray(0, 9000))).to.deep.equal([]);
    const held = call.heldBytes;
    expect(held).to.equal(9000);
    expect(call.decoder.write(bytes.subarray(9000))).to.deep.equal([]);
  });

  it('tells of a second message, and looks at no third one', () => {
    const { decoder } = subject();
    expect(decoder.write(Buffer.alloc(5 * 1000))).to.have.length(2);
    expect(decoder.write(Buffer.alloc(5 * 1000))).to.deep.equal([]);
  });

  it('refuses what is flagged as compressed and cannot be', () => {
    for (const [given, flag, code] of [
      [{}, 1, Code.INTERNAL],
      [{}, 2, Code.INTERNAL],
      [{ encoding: 'gzip' }, 255, Code.INTERNAL],
      [{ encoding: 'gzip', isStream: true }, 1, Code.UNIMPLEMENTED],
    ] as const) {
      const { decoder, told } = subject(given);
      expect(decoder.write(framed(Buffer.alloc(10), flag))).to.deep.equal([]);
      expect(told).to.deep.equal([code]);
    }
    expect(subject({ encoding: 'gzip' }).decoder.write(framed(Buffer.alloc(10), 1))).to.have.length(1);
  });

  it('refuses what says that it is too large before it comes', () => {
    const header = (bytes: number) => {
      const begun = Buffer.alloc(5);
      begun.writeUInt32BE(bytes, 1);
      return begun;
    };
    for (const [isStream, bytes] of [
      [false, BYTES_MAX],
      [true, QUESTIONS.bytesMax],
    ] as const) {
      const fine = subject({ isStream });
      fine.decoder.write(header(bytes));
      const large = subject({ isStream });
      large.decoder.write(header(bytes + 1));
      expect([fine.told, large.told]).to.deep.equal([[], [Code.RESOURCE_EXHAUSTED]]);
    }
  });

  it('refuses more questions at once than wait', () => {
    const { decoder, told } = subject({ isStream: true });
    decoder.write(Buffer.alloc(5 * QUESTIONS.waitingMax));
    expect(told).to.deep.equal([]);
    decoder.write(Buffer.alloc(5 * (QUESTIONS.waitingMax + 1)));
    expect(told).to.deep.equal([Code.RESOURCE_EXHAUSTED]);
    const waiting = subject({ isStream: true, waiting: QUESTIONS.waitingMax });
    waiting.decoder.write(Buffer.alloc(5));
    expect(waiting.told).to.deep.equal([Code.RESOURCE_EXHAUSTED]);
  });
});
