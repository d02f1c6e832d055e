import { gunzipSync } from 'node:zlib';

/** Keys in the order of their accesses. @throws Error if it is no gzip of big-endian 32-bit numbers */
export function readTrace(file: Buffer): Uint32Array {
  const bytes = gunzipSync(file);
  if (bytes.length % 4 !== 0) throw new Error('a trace is 32-bit numbers, this one ends within a number');
  return Uint32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUInt32BE(at * 4));
}
