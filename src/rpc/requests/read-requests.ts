import { WarmCacheRequest } from '../../../gen/parameter/v1/cache_service.ts';
import {
  BatchGetParametersRequest,
  GetParameterRequest,
  ListParametersRequest,
  WatchRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';
import type { Consistency, ListRequest, WarmRequest, WatchSpec } from '../../core/api.ts';
import { exceeded, invalid, settle } from '../findings.ts';
import type { PageTokens } from '../page-tokens.ts';
import { consistencyOf, NO_DEMANDS } from './consistency.ts';
import { decodeRequest, requestType } from './decode-request.ts';
import { boundedNanoseconds, NANOS_PER_SECOND } from './durations.ts';
import { checkKey, checkPrefix } from './keys.ts';

const BATCH_KEYS_MAX = 1000;
const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1000;
const WATCH_FILTERS_MAX = 100;
const PROGRESS_INTERVAL = {
  leastNs: NANOS_PER_SECOND / 10n,
  mostNs: 600n * NANOS_PER_SECOND,
  text: '100 ms to 10 min',
};
const PROGRESS_INTERVAL_DEFAULT_MS = 10_000;
const WARM_KEYS_PER_SECOND_DEFAULT = 5000;

const GET = requestType('parameter.v1.GetParameterRequest', GetParameterRequest, 'ignored');
const BATCH_GET = requestType('parameter.v1.BatchGetParametersRequest', BatchGetParametersRequest, 'ignored');
const LIST = requestType('parameter.v1.ListParametersRequest', ListParametersRequest, 'ignored');
const WATCH = requestType('parameter.v1.WatchRequest', WatchRequest, 'ignored');
const WARM = requestType('parameter.v1.WarmCacheRequest', WarmCacheRequest, 'ignored');

export function getRequestOf(bytes: Buffer): { key: string; consistency: Consistency } {
  // Nearly every request is a short key of ASCII and nothing else.
  if (bytes[0] === 0x0a && bytes.length > 2 && bytes[1] === bytes.length - 2 && bytes.length < 0x80) {
    const key = bytes.toString('latin1', 2);
    if (PLAIN_KEY.test(key)) return { key, consistency: NO_DEMANDS };
  }
  const { message, findings } = decodeRequest(GET, bytes);
  checkKey(findings, 'key', message.key);
  const consistency = consistencyOf(findings, message.consistency);
  settle(findings);
  return { key: message.key, consistency };
}
const PLAIN_KEY = /^[\x20-\x7e]+$/;

/** Keys once each, in the order in which they first come. */
export function batchGetRequestOf(bytes: Buffer): { keys: string[]; consistency: Consistency } {
  const { message, findings } = decodeRequest(BATCH_GET, bytes);
  message.keys.forEach((key, index) => {
    checkKey(findings, `keys[${index}]`, key);
  });
  const keys = [...new Set(message.keys)];
  if (keys.length > BATCH_KEYS_MAX) exceeded(findings, 'keys', BATCH_KEYS_MAX, 'ask for fewer in one call');
  const consistency = consistencyOf(findings, message.consistency);
  settle(findings);
  return { keys, consistency };
}

export function listRequestOf(bytes: Buffer, tokens: PageTokens): ListRequest {
  const { message, findings } = decodeRequest(LIST, bytes);
  const { prefix, pageSize, pageToken, keysOnly } = message;
  checkPrefix(findings, 'prefix', prefix);
  if (pageSize < 0) invalid(findings, 'page_size', 'is negative');
  const cursor = pageToken === '' ? undefined : tokens.open(pageToken, prefix, keysOnly);
  if (cursor === undefined && pageToken !== '') {
    invalid(findings, 'page_token', 'is not the next_page_token of a listing with this prefix and keys_only');
  }
  const consistency = consistencyOf(findings, message.consistency);
  settle(findings);
  const limit = pageSize === 0 ? PAGE_SIZE_DEFAULT : Math.min(pageSize, PAGE_SIZE_MAX);
  return { prefix, consistency, limit, keysOnly, cursor };
}

export function watchSpecOf(bytes: Buffer): WatchSpec {
  const { message, findings } = decodeRequest(WATCH, bytes);
  const { keys, prefixes, startRevision, sendInitial, includePrevious, progressInterval } = message;
  const filters = keys.length + prefixes.length;
  if (filters === 0) invalid(findings, 'keys', 'nothing is asked for: give keys or prefixes ("" is everything)');
  if (filters > WATCH_FILTERS_MAX) exceeded(findings, 'watch_filters', WATCH_FILTERS_MAX, 'watch a common prefix');
  keys.forEach((key, index) => {
    checkKey(findings, `keys[${index}]`, key);
  });
  prefixes.forEach((prefix, index) => {
    checkPrefix(findings, `prefixes[${index}]`, prefix);
  });
  if (startRevision < 0n) invalid(findings, 'start_revision', 'is negative');
  const intervalNs =
    progressInterval && boundedNanoseconds(findings, 'progress_interval', progressInterval, PROGRESS_INTERVAL);
  settle(findings);
  const progressIntervalMs = intervalNs === undefined ? PROGRESS_INTERVAL_DEFAULT_MS : Number(intervalNs) / 1e6;
  return { keys, prefixes, startRevision, sendInitial, includePrevious, progressIntervalMs };
}

export function warmRequestOf(bytes: Buffer): WarmRequest {
  const { message, findings } = decodeRequest(WARM, bytes);
  checkPrefix(findings, 'prefix', message.prefix);
  if (message.maxKeysPerSecond < 0) invalid(findings, 'max_keys_per_second', 'is negative');
  settle(findings);
  return { prefix: message.prefix, keysPerSecondMax: message.maxKeysPerSecond || WARM_KEYS_PER_SECOND_DEFAULT };
}
