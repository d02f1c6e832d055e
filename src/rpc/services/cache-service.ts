import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import {
  CacheServiceService,
  GetStatsRequest,
  GetStatsResponse,
  type TierStats,
  WarmCacheResponse,
  GetStatsResponse_BusState as WireBusState,
} from '../../../gen/parameter/v1/cache_service.ts';
import type { Status, TierStatus, WarmRequest } from '../../core/api.ts';
import { ParamdError } from '../../model/errors.ts';
import type { BusState } from '../../ports/bus.ts';
import { handleStream, type Stream } from '../handle-stream.ts';
import { decodeRequest, requestType } from '../requests/decode-request.ts';
import { warmRequestOf } from '../requests/read-requests.ts';
import { WIRE_TIERS } from '../responses/freshness.ts';
import type { Runtime } from '../runtime.ts';
import type { Answer } from '../unary-call.ts';
import { passThrough, type Service } from './service.ts';

const GET_STATS = requestType('parameter.v1.GetStatsRequest', GetStatsRequest, 'ignored');

const BUS_STATES: Readonly<Record<BusState, WireBusState>> = {
  connected: WireBusState.BUS_STATE_CONNECTED,
  disconnected: WireBusState.BUS_STATE_DISCONNECTED,
  disabled: WireBusState.BUS_STATE_DISABLED,
};

/** parameter.v1.CacheService, for operators. */
export function cacheService(runtime: Runtime): Service {
  const service = CacheServiceService;
  return {
    unary: [{ path: service.getStats.path, answer: getStats(runtime), admission: 'limited' }],
    definition: passThrough({ warmCache: service.warmCache }),
    streams: { warmCache: handleStream(runtime, service.warmCache.path, warmRequestOf, warmCache(runtime)) },
  };
}

function getStats({ core, identity, clock }: Runtime): Answer {
  return (request) => {
    decodeRequest(GET_STATS, request);
    const response = {
      ...statsOf(core.status()),
      replicaId: identity.replicaId,
      serverVersion: identity.version,
      uptime: durationOf(clock.monotonicMs() - identity.startedAtMs),
    };
    return Buffer.from(GetStatsResponse.encode(response).finish());
  };
}

function statsOf(status: Status) {
  return {
    tiers: status.tiers.map(tierStats),
    appliedRevision: status.applied,
    freshnessAge: Number.isFinite(status.freshnessAgeMs) ? durationOf(status.freshnessAgeMs) : undefined,
    busState: BUS_STATES[status.busState],
    loads: BigInt(status.loads),
    watchers: BigInt(status.watchers),
  };
}

function tierStats({ tier, hits, misses, entries, bytes, evictions }: TierStatus): TierStats {
  return {
    tier: WIRE_TIERS[tier],
    hits: BigInt(hits),
    misses: BigInt(misses),
    hitRatio: hits + misses === 0 ? 0 : hits / (hits + misses),
    entries: BigInt(entries),
    bytes: BigInt(bytes),
    evictions: BigInt(evictions),
  };
}

function durationOf(milliseconds: number): Duration {
  const nanoseconds = BigInt(Math.round(Math.max(0, milliseconds) * 1e6));
  return { seconds: nanoseconds / 1_000_000_000n, nanos: Number(nanoseconds % 1_000_000_000n) };
}

function warmCache({ core, limits }: Runtime): Stream<WarmRequest> {
  let warms = 0;
  return async (warming, call, send) => {
    if (warms >= limits.warmsMax) {
      throw new ParamdError({ reason: 'LIMIT_EXCEEDED', limit: 'warms', maximum: limits.warmsMax });
    }
    warms++;
    try {
      for await (const { warmedKeys, complete } of core.warm(warming, call)) {
        await send(Buffer.from(WarmCacheResponse.encode({ warmedKeys: BigInt(warmedKeys), complete }).finish()));
      }
    } finally {
      warms--;
    }
    if (call.signal.aborted) throw call.signal.reason;
  };
}
