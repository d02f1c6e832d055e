import { expect } from 'chai';
import fc from 'fast-check';
import {
  ANNOUNCEMENT_BYTES_MAX,
  decodeAnnouncement,
  encodeAnnouncement,
} from '../../../src/adapters/valkey/announcement-codec.ts';
import { createAuthenticator } from '../../../src/adapters/valkey/authenticator.ts';
import { decodeEntry, encodeEntry } from '../../../src/adapters/valkey/entry-codec.ts';
import type { Event } from '../../../src/model/event.ts';
import type { Announcement } from '../../../src/ports/bus.ts';
import { parameter } from '../../contract/bus.ts';
import { expectSame } from '../../contract/shared-cache.ts';
import { testCodec } from './worlds.ts';

const revisions = fc.bigInt({ min: 0n, max: (1n << 62n) - 1n });
const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const entries = fc.record({
  revision: revisions,
  asOf: revisions,
  encoded: fc.option(fc.uint8Array({ maxLength: 2000 })),
  ttlMs: fc.nat(),
});

const events: fc.Arbitrary<(revision: bigint) => Event> = fc
  .record({
    type: fc.constantFrom('put' as const, 'delete' as const),
    key: keys,
    value: fc.option(fc.string({ maxLength: 3000 }), { nil: undefined }),
    previous: fc.option(fc.constantFrom('', 'before'), { nil: undefined }),
  })
  .map(({ type, key, value, previous }) => (revision) => ({
    type,
    key,
    revision,
    parameter: value === undefined ? undefined : parameter(key, revision, value),
    previous: previous === '' ? null : previous && parameter(key, revision, previous),
  }));

const announcements: fc.Arbitrary<Announcement> = fc
  .record({
    epochNumber: revisions,
    from: revisions,
    ids: fc.tuple(keys, keys, keys),
    entries: fc.array(fc.array(events, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 40 }),
  })
  .map(({ epochNumber, from, ids: [epochId, previousBatchId, batchId], entries }) => ({
    epochNumber,
    epochId,
    previousBatchId,
    from,
    to: from + BigInt(entries.length - 1),
    entries: entries.map((made, i) => {
      const revision = from + BigInt(i);
      return { revision, batchId, events: made.map((make) => make(revision)) };
    }),
  }));

describe('valkey codecs', () => {
  it('entries: what is encoded is decoded', () => {
    fc.assert(fc.property(entries, (entry) => expectSame(decodeEntry(encodeEntry(entry)), entry)));
  });

  it('entries: random bytes never throw', () => {
    fc.assert(
      fc.property(noise, (bytes) => {
        decodeEntry(bytes);
        decodeEntry(Buffer.concat([Buffer.from([0x50, 1, 0, 0]), bytes]));
      }),
    );
  });

  it('announcements: the parts are valid, linked, bounded, and together the whole', () => {
    fc.assert(
      fc.property(announcements, (whole) => {
        const parts = encodeAnnouncement(whole, testCodec);
        const decoded = parts.map((part) => decodeAnnouncement(part, testCodec)!);
        expect(decoded.flatMap((part) => part.entries)).to.deep.equal(whole.entries);
        let { from, previousBatchId } = whole;
        for (const [i, part] of decoded.entries()) {
          expect(parts[i]!.length).to.be.at.most(ANNOUNCEMENT_BYTES_MAX);
          expect([part.epochNumber, part.epochId]).to.deep.equal([whole.epochNumber, whole.epochId]);
          expect([part.from, part.previousBatchId]).to.deep.equal([from, previousBatchId]);
          from = part.to + 1n;
          previousBatchId = whole.entries[0]!.batchId;
        }
        expect(from).to.equal(whole.to + 1n);
      }),
      { numRuns: 60 },
    );
  });

  it('announcements: one revision with keys above the bound goes as one, without values', () => {
    const many = Array.from({ length: 300 }, (_, i): Event => {
      const key = `${i}`.padEnd(512, 'k');
      return { type: 'put', key, revision: 1n, parameter: parameter(key, 1n, 'v'), previous: null };
    });
    const whole: Announcement = {
      epochNumber: 0n,
      epochId: 'e',
      previousBatchId: '',
      from: 1n,
      to: 2n,
      entries: [
        { revision: 1n, batchId: 'b', events: many },
        { revision: 2n, batchId: 'b', events: [{ type: 'delete', key: 'k', revision: 2n }] },
      ],
    };
    const parts = encodeAnnouncement(whole, testCodec).map((part) => decodeAnnouncement(part, testCodec)!);
    expect(parts.map((part) => part.entries.length)).to.deep.equal([1, 1]);
    expect(parts[0]!.entries[0]!.events.map((event) => event.key)).to.deep.equal(many.map((event) => event.key));
    expect(parts[0]!.entries[0]!.events.every((event) => event.parameter === undefined)).to.equal(true);
  });

  it('announcements: random and truncated bytes never throw', () => {
    fc.assert(fc.property(noise, (bytes) => decodeAnnouncement(bytes, testCodec) === undefined));
    fc.assert(
      fc.property(announcements, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (whole, share) => {
        const [part] = encodeAnnouncement(whole, testCodec);
        const cut = part!.subarray(0, Math.floor(part!.length * share));
        expect(decodeAnnouncement(cut, testCodec)).to.equal(undefined);
      }),
      { numRuns: 60 },
    );
  });

  it('seals: every flipped bit, other place, purpose or secret is found out (C13)', () => {
    const secret = Buffer.alloc(32, 1);
    const ours = createAuthenticator(secret, 'bus');
    fc.assert(
      fc.property(keys, noise, fc.nat(), (place, body, bit) => {
        const sealed = ours.seal(place, body);
        expect(ours.open(place, sealed)?.equals(body)).to.equal(true);
        const flipped = Buffer.from(sealed);
        flipped[(bit >> 3) % flipped.length]! ^= 1 << (bit & 7);
        expect(ours.open(place, flipped)).to.equal(undefined);
        expect(ours.open(`${place}x`, sealed)).to.equal(undefined);
        expect(createAuthenticator(secret, 'shared cache').open(place, sealed)).to.equal(undefined);
        expect(createAuthenticator(Buffer.alloc(32, 2), 'bus').open(place, sealed)).to.equal(undefined);
        expect(ours.open(place, sealed.subarray(0, 10))).to.equal(undefined);
      }),
    );
  });
});
