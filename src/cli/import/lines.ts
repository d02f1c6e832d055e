import type { FileHandle } from 'node:fs/promises';
import { EXIT, Failure } from '../failure.ts';

export interface Line {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
  /** How far the file is read behind it. */
  readonly endByte: number;
}

const CHUNK_BYTES = 256 << 10;
/** A value of 1 MiB in which every character is escaped ("\u0001"), and what is around it. */
const LINE_BYTES_MAX = 7 << 20;

/**
 * The lines of a file that are not empty, as many at once as were read at once. A longer line than a parameter can have
 * is an error rather than a buffer without end.
 */
export async function* linesOf(
  file: FileHandle,
  chunkRead: (chunk: Buffer) => void = () => {},
): AsyncGenerator<readonly Line[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  let position = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    const chunk = buffer.subarray(0, bytesRead);
    chunkRead(chunk);
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const start = position - rest.length;
    position += bytesRead;
    const lines: Line[] = [];
    let at = 0;
    for (let end = text.indexOf(0x0a); at < text.length; end = text.indexOf(0x0a, at)) {
      if (end === -1 && bytesRead > 0) break;
      const until = end === -1 ? text.length : end;
      number++;
      const bytes = text.subarray(at, until);
      at = until + 1;
      if (!isBlank(bytes)) lines.push({ number, bytes, endByte: Math.min(start + at, position) });
    }
    rest = text.subarray(Math.min(at, text.length));
    if (rest.length > LINE_BYTES_MAX) throw new Failure(EXIT.error, `line ${number + 1} is longer than any parameter`);
    if (lines.length > 0) yield lines;
    if (bytesRead === 0) return;
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
