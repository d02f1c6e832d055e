import type { Tier } from '../../model/errors.ts';
import type { Parameter } from '../../model/parameter.ts';
import type { Revision } from '../../model/revision.ts';

/** What a cached entry says of its key. */
export interface Claim {
  readonly tier: Exclude<Tier, 'store'>;
  readonly key: string;
  /** Undefined: the key does not exist. */
  readonly parameter: Parameter | undefined;
  /** The revision at which it says to have been current. */
  readonly asOf: Revision;
  /** Whether this replica would answer with it now. */
  readonly usable: boolean;
}

/**
 * right: it is what the store has. superseded: the key was changed since, and nobody would be answered with it.
 * wrong: it was never so, or it would be used though the key was changed.
 */
export type Verdict = 'right' | 'superseded' | 'wrong';

/** @param stored what the store has, read after the claim and applied since: changes up to then are known here */
export function judgeClaim(claim: Claim, stored: Parameter | undefined): Verdict {
  if (isSame(claim.parameter, stored)) return 'right';
  const hadChangedBy = stored !== undefined && stored.revision <= claim.asOf;
  return claim.usable || hadChangedBy ? 'wrong' : 'superseded';
}

/** By all that a writer can set and the store counts. */
export function isSame(one: Parameter | undefined, other: Parameter | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.revision === other.revision &&
    one.createRevision === other.createRevision &&
    one.version === other.version &&
    one.cacheTtlNs === other.cacheTtlNs &&
    isSameBytes(one.value?.encoded, other.value?.encoded) &&
    isSameLabels(one.labels, other.labels)
  );
}

function isSameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one, other) === 0;
}

function isSameLabels(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}
