import type { Event, LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import type { Revision } from '../../model/revision.ts';
import type { Announcement } from '../../ports/bus.ts';
import type { ParameterCodec } from '../../ports/codec.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/*
 * announcement  u64 epoch number, text epoch id, text previous batch id, text batch id, u64 from, u16 count, entries
 * entry         u16 count, events; its revision is from + place
 * event         u8 flags, text key, then the parameter and the previous one where the flags say so, each u32 length, bytes
 *
 * Revisions are not written one by one, so a hole or a disorder cannot be said at all.
 */
export const BUS_CODEC_VERSION = 1;

/** Of one announcement. Above, a publish costs every replica more than the log read that it saves. */
export const ANNOUNCEMENT_BYTES_MAX = (32 << 10) - 64;
/** An event above is announced without its values. */
const EVENT_BYTES_MAX = 8 << 10;
const ENTRIES_MAX = 0xffff;

const DELETE = 1;
const HAS_PARAMETER = 2;
const HAS_PREVIOUS = 4;
const HAD_NO_PREVIOUS = 8;
const ALL_FLAGS = 15;

/**
 * Splits at whole revisions into announcements of at most ANNOUNCEMENT_BYTES_MAX. One revision whose keys alone are
 * larger (300 keys of 512 bytes) is an announcement by itself.
 */
export function encodeAnnouncement(announcement: Announcement, codec: ParameterCodec): readonly Buffer[] {
  const { entries } = announcement;
  const headBytes = headOf(announcement, 0, 0).length;
  const room = ANNOUNCEMENT_BYTES_MAX - headBytes;
  const encoded = entries.map((entry) => encodeEntry(entry, codec, room));
  const parts: Buffer[] = [];
  let start = 0;
  while (start < encoded.length) {
    let end = start;
    let bytes = encoded[end++]!.length;
    while (end < encoded.length && end - start < ENTRIES_MAX && bytes + encoded[end]!.length <= room) {
      bytes += encoded[end++]!.length;
    }
    const part = headOf(announcement, start, end - start);
    for (let i = start; i < end; i++) part.raw(encoded[i]!);
    parts.push(part.finish());
    start = end;
  }
  return parts;
}

function headOf(announcement: Announcement, start: number, count: number): ByteWriter {
  const batchId = announcement.entries[0]?.batchId ?? '';
  return new ByteWriter()
    .u64(announcement.epochNumber)
    .text(announcement.epochId)
    .text(start === 0 ? announcement.previousBatchId : batchId)
    .text(batchId)
    .u64(announcement.from + BigInt(start))
    .u16(count);
}

function encodeEntry(entry: LogEntry, codec: ParameterCodec, room: number): Buffer {
  const whole = eventsOf(entry, (event) => encodeEvent(event, codec));
  return whole.length <= room ? whole : eventsOf(entry, encodeBareEvent);
}

function eventsOf(entry: LogEntry, encode: (event: Event) => Uint8Array): Buffer {
  const writer = new ByteWriter().u16(entry.events.length);
  for (const event of entry.events) writer.raw(encode(event));
  return writer.finish();
}

function encodeEvent(event: Event, codec: ParameterCodec): Uint8Array {
  const { parameter, previous } = event;
  let flags = event.type === 'delete' ? DELETE : 0;
  if (parameter !== undefined) flags |= HAS_PARAMETER;
  if (previous === null) flags |= HAD_NO_PREVIOUS;
  else if (previous !== undefined) flags |= HAS_PREVIOUS;
  const writer = new ByteWriter().u8(flags).text(event.key);
  if (parameter !== undefined) writer.bytes(codec.encode(parameter));
  if (previous) writer.bytes(codec.encode(previous));
  return writer.length <= EVENT_BYTES_MAX ? writer.finish() : encodeBareEvent(event);
}

function encodeBareEvent(event: Event): Uint8Array {
  return new ByteWriter()
    .u8(event.type === 'delete' ? DELETE : 0)
    .text(event.key)
    .finish();
}

/** Undefined: not what encodeAnnouncement gives. Never throws. */
export function decodeAnnouncement(body: Buffer, codec: ParameterCodec): Announcement | undefined {
  try {
    return readAnnouncement(new ByteReader(body), codec);
  } catch {
    return undefined;
  }
}

function readAnnouncement(reader: ByteReader, codec: ParameterCodec): Announcement | undefined {
  const epochNumber = reader.u64();
  const epochId = reader.text();
  const previousBatchId = reader.text();
  const batchId = reader.text();
  const from = reader.u64();
  const count = reader.u16();
  if (count === 0) return undefined;
  const entries: LogEntry[] = [];
  for (let i = 0; i < count; i++) entries.push(readEntry(reader, codec, from + BigInt(i), batchId));
  reader.end();
  return { epochNumber, epochId, previousBatchId, from, to: from + BigInt(count - 1), entries };
}

function readEntry(reader: ByteReader, codec: ParameterCodec, revision: Revision, batchId: string): LogEntry {
  const count = reader.u16();
  if (count === 0) throw new RangeError('a revision has events');
  const events: Event[] = [];
  for (let i = 0; i < count; i++) events.push(readEvent(reader, codec, revision));
  return { revision, batchId, events };
}

function readEvent(reader: ByteReader, codec: ParameterCodec, revision: Revision): Event {
  const flags = reader.u8();
  if (flags > ALL_FLAGS) throw new RangeError('unknown flags');
  const key = reader.text();
  const parameter: Parameter | undefined = flags & HAS_PARAMETER ? codec.decode(reader.bytes()) : undefined;
  let previous: Parameter | null | undefined;
  if (flags & HAS_PREVIOUS) previous = codec.decode(reader.bytes());
  else if (flags & HAD_NO_PREVIOUS) previous = null;
  return { type: flags & DELETE ? 'delete' : 'put', key, revision, parameter, previous };
}
