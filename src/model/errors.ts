import type { Revision } from './revision.ts';

/**
 * Every way in which a call can fail, with what a caller can act upon. One table in rpc/ maps it to status, reason,
 * metadata and details of error_reason.proto; nothing else does.
 */
export type Failure =
  | { readonly reason: 'INVALID_FIELD'; readonly violations: readonly FieldViolation[] }
  | { readonly reason: 'UNKNOWN_FIELD'; readonly fieldNumber: number; readonly path: string }
  | { readonly reason: 'PARAMETER_NOT_FOUND'; readonly key: string; readonly freshness?: Freshness | undefined }
  | { readonly reason: 'PARAMETER_EXISTS'; readonly key: string; readonly currentRevision: Revision }
  | { readonly reason: 'REVISION_MISMATCH'; readonly mismatches: readonly Mismatch[] }
  | { readonly reason: 'KIND_MISMATCH'; readonly key: string; readonly currentKind: string }
  | { readonly reason: 'REQUEST_ID_REUSED' }
  | { readonly reason: 'REVISION_COMPACTED'; readonly requested: Revision; readonly oldestRevision: Revision }
  | { readonly reason: 'REVISION_LOST'; readonly requested: Revision; readonly head: Revision }
  | { readonly reason: 'LIMIT_EXCEEDED'; readonly limit: string; readonly maximum: number; readonly hint?: string }
  | { readonly reason: 'RATE_LIMITED'; readonly limit: string; readonly maximum: number; readonly retryMs: number }
  | { readonly reason: 'STORE_UNREACHABLE'; readonly why: string }
  | { readonly reason: 'CONSISTENCY_NOT_MET'; readonly revision: Revision; readonly wanted: string }
  | { readonly reason: 'DRAINING' }
  | { readonly reason: 'OUTCOME_UNKNOWN'; readonly retriable: boolean }
  | { readonly reason: 'CANCELLED' };

export interface FieldViolation {
  /** As the proto spells it: `operations[2].set.key`. */
  readonly field: string;
  readonly description: string;
}

export interface Mismatch {
  readonly key: string;
  /** 0n: does not exist. */
  readonly currentRevision: Revision;
}

/** Nearest first, so that the farther of two is the greater. */
export const TIERS = ['near-cache', 'shared-cache', 'store'] as const;
export type Tier = (typeof TIERS)[number];

/** What an answer is worth. */
export interface Freshness {
  /** All changes up to it are reflected. */
  readonly revision: Revision;
  /** The farthest tier that a part of the answer came from. */
  readonly servedFrom: Tier;
  /** The answer was current at most this long before it was put together. Undefined: not known. */
  readonly stalenessBoundMs: number | undefined;
  /** The store is unreachable: best known answer. */
  readonly degraded: boolean;
}

/**
 * Thrown through core; what is not a ParamdError is a defect and becomes INTERNAL / UNFORESEEN. It has no stack: it is an
 * answer, nobody looks where it was made, and under overload a sixth of all time went into finding that out.
 */
export class ParamdError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(failure.reason, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'ParamdError';
    this.failure = failure;
  }
}
