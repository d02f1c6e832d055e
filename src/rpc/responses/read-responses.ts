import type { ListedPage, ManyRead, PageCursor } from '../../core/api.ts';
import { type Freshness, ParamdError } from '../../model/errors.ts';
import { decodeParameter } from '../parameter-codec.ts';
import { writeText } from '../protobuf-bytes.ts';
import { FRESHNESS_BYTES_MAX, writeFreshness } from './freshness.ts';

/** gRPC clients refuse messages over 4 MiB by default. */
export const RESPONSE_BYTES_MAX = (4 << 20) - (64 << 10);

const MISSING_KEY_TAG = 0x1a;
const NEXT_PAGE_TOKEN_TAG = 0x1a;
/** Tag and length before a key or a token. */
const TEXT_PREFIX_BYTES_MAX = 4;

/** The way of every cache hit: the parameter's bytes as they are cached, and a few of freshness behind them. */
export function getResponse(parameter: Uint8Array, freshness: Freshness): Buffer {
  const target = Buffer.allocUnsafe(parameter.length + FRESHNESS_BYTES_MAX);
  target.set(parameter, 0);
  return target.subarray(0, writeFreshness(target, parameter.length, freshness));
}

export function batchGetResponse({ parameters, missingKeys, freshness }: ManyRead): Buffer {
  let bytes = FRESHNESS_BYTES_MAX;
  for (const parameter of parameters) bytes += parameter.length;
  for (const key of missingKeys) bytes += TEXT_PREFIX_BYTES_MAX + Buffer.byteLength(key);
  if (bytes > RESPONSE_BYTES_MAX) {
    throw new ParamdError({
      reason: 'LIMIT_EXCEEDED',
      limit: 'response_bytes',
      maximum: RESPONSE_BYTES_MAX,
      hint: `the parameters take ${bytes} bytes, ask for fewer keys`,
    });
  }
  const target = Buffer.allocUnsafe(bytes);
  let at = writeFreshness(target, writeParts(target, parameters), freshness);
  for (const key of missingKeys) at = writeText(target, at, MISSING_KEY_TAG, key);
  return target.subarray(0, at);
}

/** @param seal makes the token of a later page */
export function listResponse(page: ListedPage, seal: (cursor: PageCursor) => string): Buffer {
  const { parameters, next } = fitting(page);
  const token = next === undefined ? '' : seal(next);
  let bytes = FRESHNESS_BYTES_MAX + TEXT_PREFIX_BYTES_MAX + token.length;
  for (const parameter of parameters) bytes += parameter.length;
  const target = Buffer.allocUnsafe(bytes);
  const at = writeFreshness(target, writeParts(target, parameters), page.freshness);
  return target.subarray(0, token === '' ? at : writeText(target, at, NEXT_PAGE_TOKEN_TAG, token));
}

/** The page, or its beginning if it is too large for a response; the rest comes with the next page. */
function fitting(page: ListedPage): Pick<ListedPage, 'parameters' | 'next'> {
  let roomBytes = RESPONSE_BYTES_MAX - 2048;
  let count = 0;
  for (const parameter of page.parameters) {
    roomBytes -= parameter.length;
    if (roomBytes < 0) break;
    count++;
  }
  if (count === page.parameters.length) return page;
  const parameters = page.parameters.slice(0, count);
  const last = parameters[count - 1];
  if (last === undefined) throw new Error('one parameter alone is too large for a response');
  return { parameters, next: { revision: page.freshness.revision, after: decodeParameter(last).key } };
}

function writeParts(target: Buffer, parts: readonly Uint8Array[]): number {
  let at = 0;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
  return at;
}
