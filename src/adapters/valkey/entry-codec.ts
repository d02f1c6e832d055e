import type { SharedEntry } from '../../ports/shared-cache.ts';

/**
 * An entry as it lies in Valkey, before the MAC. The first 20 bytes are what put-script.ts compares.
 *
 *   0  'P', codec version, flags (1: absent), 0
 *   4  revision, 8 bytes big-endian
 *  12  asOf, 8 bytes big-endian
 *  20  ttlMs, 6 bytes big-endian
 *  26  the encoded parameter
 */
export const ENTRY_CODEC_VERSION = 1;
export const ENTRY_MAGIC = Buffer.from([0x50, ENTRY_CODEC_VERSION]);
const HEADER_BYTES = 26;
const FLAG_ABSENT = 1;
const TTL_MS_MAX = 2 ** 48 - 1;

export function encodeEntry(entry: SharedEntry): Buffer {
  const body = Buffer.allocUnsafe(HEADER_BYTES + (entry.encoded?.length ?? 0));
  ENTRY_MAGIC.copy(body, 0);
  body[2] = entry.encoded === null ? FLAG_ABSENT : 0;
  body[3] = 0;
  body.writeBigUInt64BE(entry.revision, 4);
  body.writeBigUInt64BE(entry.asOf, 12);
  body.writeUIntBE(Math.min(Math.max(Math.round(entry.ttlMs), 0), TTL_MS_MAX), 20, 6);
  if (entry.encoded !== null) body.set(entry.encoded, HEADER_BYTES);
  return body;
}

/** Undefined: not what encodeEntry gives. */
export function decodeEntry(body: Buffer): SharedEntry | undefined {
  if (body.length < HEADER_BYTES || !body.subarray(0, 2).equals(ENTRY_MAGIC) || body[3] !== 0) return undefined;
  const flags = body[2]!;
  if (flags > FLAG_ABSENT || (flags === FLAG_ABSENT && body.length > HEADER_BYTES)) return undefined;
  return {
    revision: body.readBigUInt64BE(4),
    asOf: body.readBigUInt64BE(12),
    ttlMs: body.readUIntBE(20, 6),
    encoded: flags === FLAG_ABSENT ? null : copyOf(body.subarray(HEADER_BYTES)),
  };
}

/** The driver gives views of socket chunks: kept in a cache, a view of 100 bytes would hold 64 KiB. */
function copyOf(view: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(view.length);
  view.copy(copy);
  return copy;
}
