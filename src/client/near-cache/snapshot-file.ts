// The last known values on disk, so that a process can start where no server can be reached.
//
// A crash at any moment must leave a whole file, the old one or the new one: it is written beside, flushed, and renamed.
// A disk may still give back something else, so it is believed only if its checksum holds, and then all of it:
//
//     one line of JSON: format, version, prefixes, revision, parameters (how many)
//     parameter.v1.Parameter (key, value, revision), each behind its length as a varint
//     32 bytes: SHA-256 of all of the above
//
// Values may be confidential: nobody else can read it.
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { toValue } from '../values.ts';
import { type Entry, entryOf } from './entry.ts';

const FORMAT = 'paramd near cache';
const VERSION = 1;
const CHECKSUM_BYTES = 32;
/** Encoded in one go, before others may run. */
const SLICE_BYTES = 64 << 10;

export interface Snapshot {
  readonly prefixes: readonly string[];
  readonly revision: bigint;
  readonly keys: readonly string[];
  readonly entries: readonly Entry[];
}

interface Header {
  readonly format: string;
  readonly version: number;
  readonly prefixes: readonly string[];
  readonly revision: string;
  readonly parameters: number;
}

/**
 * @returns undefined: there is none yet
 * @throws Error that says what is wrong with it
 */
export function readSnapshot(path: string, prefixes: readonly string[]): Snapshot | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const contents = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!createHash('sha256').update(contents).digest().equals(bytes.subarray(contents.length))) {
    throw new Error('its checksum is wrong: it was cut off or altered, or is no snapshot file');
  }
  const headerEnd = contents.indexOf('\n');
  const header = JSON.parse(contents.toString('utf8', 0, headerEnd)) as Header;
  if (header.format !== FORMAT || header.version !== VERSION) throw new Error('it has the format of another version');
  const isCovered = (prefix: string) => header.prefixes.some((covering) => prefix.startsWith(covering));
  if (!prefixes.every(isCovered)) throw new Error(`it has other prefixes: ${JSON.stringify(header.prefixes)}`);
  return { prefixes, revision: BigInt(header.revision), ...decode(contents.subarray(headerEnd + 1), prefixes) };
}

function decode(bytes: Uint8Array, prefixes: readonly string[]): { keys: string[]; entries: Entry[] } {
  const keys: string[] = [];
  const entries: Entry[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const parameter = Parameter.decode(reader, reader.uint32());
    if (!prefixes.some((prefix) => parameter.key.startsWith(prefix))) continue;
    keys.push(parameter.key);
    entries.push(entryOf(parameter));
  }
  return { keys, entries };
}

/** Replaces the file as a whole, or not at all. */
export async function writeSnapshot(path: string, snapshot: Snapshot): Promise<void> {
  const beside = `${path}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      for (const slice of encode(snapshot)) {
        hash.update(slice);
        await file.writeFile(slice);
      }
      await file.writeFile(hash.digest());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

function* encode({ prefixes, revision, keys, entries }: Snapshot): Generator<Uint8Array> {
  const known = entries.filter(({ value }) => value !== undefined).length;
  const header: Header = { format: FORMAT, version: VERSION, prefixes, revision: `${revision}`, parameters: known };
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  let writer = new BinaryWriter();
  let bytes = 0;
  for (const [index, { value, revision: ofEntry }] of entries.entries()) {
    if (value === undefined) continue;
    const parameter = { ...EMPTY, key: keys[index] as string, value: toValue(value), revision: ofEntry };
    const encoded = Parameter.encode(parameter).finish();
    writer.bytes(encoded);
    bytes += encoded.length;
    if (bytes < SLICE_BYTES) continue;
    yield writer.finish();
    writer = new BinaryWriter();
    bytes = 0;
  }
  yield writer.finish();
}

const EMPTY: Parameter = Parameter.fromPartial({});

/** Makes the rename last. Windows cannot, and need not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @throws TypeError: there can be no such file */
export function checkPath(path: string): void {
  const folder = dirname(path);
  if (isFolder(path)) throw new TypeError(`snapshotFile: ${path} is a folder; name a file in it`);
  if (isFolder(folder)) return;
  throw new TypeError(`snapshotFile: there is no folder ${folder}; create it, or name a file in another one`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What writers have left that were killed. Their process is gone, or has the number that this one has now. */
export function removeLeftovers(path: string): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const [, pid] = /^(\d+)-[0-9a-f]+\.tmp$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? [];
    if (pid === undefined || isOther(Number(pid))) continue;
    rmSync(join(dirname(path), name), { force: true });
  }
}

function isOther(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
