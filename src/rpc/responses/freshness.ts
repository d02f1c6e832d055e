import { type Freshness as FreshnessMessage, Tier as WireTier } from '../../../gen/parameter/v1/freshness.ts';
import type { Freshness, Tier } from '../../model/errors.ts';
import { writeInt64, writeSeconds } from '../protobuf-bytes.ts';

export const WIRE_TIERS: Readonly<Record<Tier, WireTier>> = {
  'near-cache': WireTier.TIER_NEAR_CACHE,
  'shared-cache': WireTier.TIER_SHARED_CACHE,
  store: WireTier.TIER_STORE,
};

const FRESHNESS_TAG = 0x12;
/** Tag and length, revision, tier, bound, degraded. */
export const FRESHNESS_BYTES_MAX = 2 + 11 + 2 + 24 + 2;

/** Field 2 of the response of every read, with tag and length. Returns the position behind it. */
export function writeFreshness(target: Buffer, start: number, freshness: Freshness): number {
  let at = start + 2;
  if (freshness.revision !== 0n) {
    target[at] = 0x08;
    at = writeInt64(target, at + 1, freshness.revision);
  }
  target[at++] = 0x10;
  target[at++] = WIRE_TIERS[freshness.servedFrom];
  const nanoseconds = boundNs(freshness.stalenessBoundMs);
  if (nanoseconds !== undefined) {
    at = writeSeconds(target, at, 0x1a, Math.floor(nanoseconds / 1e9), nanoseconds % 1e9);
  }
  if (freshness.degraded) {
    target[at++] = 0x20;
    target[at++] = 1;
  }
  target[start] = FRESHNESS_TAG;
  target[start + 1] = at - start - 2;
  return at;
}

/** Rounded up: it is a bound. Undefined: there is none. */
function boundNs(milliseconds: number | undefined): number | undefined {
  if (milliseconds === undefined || !Number.isFinite(milliseconds)) return undefined;
  return Math.ceil(Math.max(0, milliseconds) * 1e6);
}

/** For error details. */
export function freshnessMessage(freshness: Freshness): FreshnessMessage {
  const { revision, servedFrom, stalenessBoundMs, degraded } = freshness;
  const nanoseconds = boundNs(stalenessBoundMs);
  return {
    revision,
    servedFrom: WIRE_TIERS[servedFrom],
    stalenessBound:
      nanoseconds === undefined
        ? undefined
        : { seconds: BigInt(Math.floor(nanoseconds / 1e9)), nanos: nanoseconds % 1e9 },
    degraded,
  };
}
