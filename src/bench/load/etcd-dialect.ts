// The part of etcd's v3 API that is measured, by its public field numbers.
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { type Answer, type Dialect, type Watched, WrongAnswer } from './dialect.ts';

const RANGE = '/etcdserverpb.KV/Range';
const PUT = '/etcdserverpb.KV/Put';
const TXN = '/etcdserverpb.KV/Txn';
const WATCH = '/etcdserverpb.Watch/Watch';

/** Reads are serializable: what the member has, without a look at the others, as a read of a cache. */
export const etcdDialect: Dialect = {
  read: (key) => ({
    path: RANGE,
    request: rangeRequest(key, undefined, 0).finish(),
    check: (answer) => counted(rangeAnswer(answer), 1),
  }),
  readMany: (keys) => ({
    path: TXN,
    request: requestOps(keys.map((key) => [1, rangeRequest(key, undefined, 0)])),
    check: (answer) => counted(txnAnswer(answer), keys.length),
  }),
  list: (prefix, limit) => ({
    path: RANGE,
    request: rangeRequest(prefix, endOf(prefix), limit).finish(),
    check: (answer) => counted(rangeAnswer(answer), limit),
  }),
  write: (key, text) => ({
    path: PUT,
    request: putRequest(key, text).finish(),
    check: (answer) => ({ operations: 1, revision: revisionOfHeader(answer) }),
  }),
  writeMany: (keys, text) => ({
    path: TXN,
    request: requestOps(keys.map((key) => [2, putRequest(key, text)])),
    check: (answer) => counted(txnAnswer(answer), keys.length),
  }),
  watch: (prefix, fromRevision = 0) => {
    const create = new BinaryWriter().uint32(tag(1)).string(prefix).uint32(tag(2)).bytes(endOf(prefix));
    if (fromRevision > 0) create.uint32(tag(3, 0)).int64(fromRevision);
    return {
      path: WATCH,
      request: new BinaryWriter().uint32(tag(1)).bytes(create.finish()).finish(),
      staysOpen: true,
    };
  },
  watched,
};

function tag(field: number, wireType = 2): number {
  return (field << 3) | wireType;
}

function rangeRequest(key: string, end: Uint8Array | undefined, limit: number): BinaryWriter {
  const writer = new BinaryWriter().uint32(tag(1)).string(key);
  if (end !== undefined) writer.uint32(tag(2)).bytes(end);
  if (limit > 0) writer.uint32(tag(3, 0)).int64(limit);
  return writer.uint32(tag(7, 0)).bool(true);
}

function putRequest(key: string, text: string): BinaryWriter {
  return new BinaryWriter().uint32(tag(1)).string(key).uint32(tag(2)).string(text);
}

/** A TxnRequest without conditions. @param field 1: a range; 2: a put */
function requestOps(operations: readonly (readonly [field: number, request: BinaryWriter])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, request] of operations) {
    const operation = new BinaryWriter().uint32(tag(field)).bytes(request.finish());
    writer.uint32(tag(2)).bytes(operation.finish());
  }
  return writer.finish();
}

/** The first key behind all with the prefix; prefixes of the benchmark end with a character of ASCII. */
function endOf(prefix: string): Uint8Array {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}

function counted({ operations, revision }: Answer, count: number): Answer {
  if (operations !== count) throw new WrongAnswer('an answer has more or fewer keys than asked for');
  return { operations, revision };
}

/** RangeResponse: header = 1, kvs = 2. */
function rangeAnswer(answer: Buffer): Answer {
  return { operations: countOf(answer, 2) };
}

/** TxnResponse: header = 1, responses = 3. */
function txnAnswer(answer: Buffer): Answer {
  return { operations: countOf(answer, 3), revision: revisionOfHeader(answer) };
}

function countOf(message: Buffer, counted: number): number {
  const reader = new BinaryReader(message);
  let count = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === counted) count++;
    reader.skip(type);
  }
  return count;
}

/** ResponseHeader is field 1 of every answer; its field 3 is the revision. */
function revisionOfHeader(answer: Buffer): number {
  const reader = new BinaryReader(answer);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) return numberIn(reader, 3);
    reader.skip(type);
  }
  throw new WrongAnswer('an answer has no header');
}

/** WatchResponse: header = 1, canceled = 4, events = 11 with kv = 2. Values are skipped. */
function watched(message: Buffer): Watched {
  const reader = new BinaryReader(message);
  const revisions: number[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 11) revisions.push(revisionOfEvent(reader));
    else if (field === 4 && reader.bool()) throw new WrongAnswer('the watch was cancelled');
    else if (field !== 4) reader.skip(type);
  }
  // Its responses say where the store is, and not how far this watch has come.
  return { revisions, delivered: revisions.at(-1) ?? 0 };
}

/** Event.kv.mod_revision */
function revisionOfEvent(reader: BinaryReader): number {
  const end = reader.uint32() + reader.pos;
  let revision = 0;
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    if (field === 2) revision = numberIn(reader, 3);
    else reader.skip(type);
  }
  return revision;
}

/** Of the message that comes next, which is read to its end. */
function numberIn(reader: BinaryReader, wanted: number): number {
  const end = reader.uint32() + reader.pos;
  let number = 0;
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    if (field === wanted) number = Number(reader.int64());
    else reader.skip(type);
  }
  return number;
}
