import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { status as Code } from '@grpc/grpc-js';
import type { RequestDecoder } from './request-decoder.ts';
import { type CallStatus, plainStatus } from './status-table.ts';

const HEADER_BYTES = 5;
const INFLATERS: Readonly<Record<string, () => Gunzip | Inflate>> = { gzip: createGunzip, deflate: createInflate };

/**
 * The contents of a message. grpc-js does the same, but a thousand calls at once that send 4 KB each make 4 GB; here what
 * comes out counts among what the call holds.
 * @param encoding 'identity' for a message that is not compressed
 * @throws CallStatus for the caller
 */
export async function inflated(
  framed: Buffer,
  encoding: string,
  request: RequestDecoder,
  bytesMax: number,
): Promise<Buffer> {
  const contents = framed.subarray(HEADER_BYTES);
  if (encoding === 'identity') return contents;
  const inflater = Object.hasOwn(INFLATERS, encoding) ? INFLATERS[encoding]?.() : undefined;
  if (inflater === undefined) {
    throw plainStatus(Code.UNIMPLEMENTED, `Received message compressed with unsupported encoding "${encoding}"`);
  }
  inflater.end(contents);
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of inflater as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > bytesMax) throw tooLarge(bytesMax);
      if (!request.hold(part.length)) throw plainStatus(Code.CANCELLED, 'the call was refused');
      parts.push(part);
    }
  } catch (error) {
    throw isStatus(error) ? error : plainStatus(Code.INTERNAL, 'Failed to decompress message');
  }
  return Buffer.concat(parts);
}

function tooLarge(bytesMax: number): CallStatus {
  const message = `Received message that decompresses to a size larger than ${bytesMax}`;
  return plainStatus(Code.RESOURCE_EXHAUSTED, message);
}

function isStatus(error: unknown): error is CallStatus {
  return typeof error === 'object' && error !== null && 'details' in error;
}
