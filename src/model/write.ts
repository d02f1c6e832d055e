import type { Value, ValueKind } from './parameter.ts';
import type { Revision } from './revision.ts';

/** Fails the write unless the key is at this revision; 0n: does not exist. */
export interface Condition {
  readonly key: string;
  readonly ifRevision: Revision;
}

/** Creates a parameter, or changes of it what is set. */
export interface SetOperation {
  readonly type: 'set';
  readonly key: string;
  /** Where it stands in the request, for errors: '' or 'operations[2].set.'. */
  readonly path?: string | undefined;
  /** Required to create. */
  readonly value?: Value | undefined;
  readonly cacheTtlNs?: bigint | undefined;
  /** Added or replaced one by one, after the removals. */
  readonly labels: ReadonlyMap<string, string>;
  /** '*' removes all. */
  readonly removeLabels: readonly string[];
  readonly allowKindChange: boolean;
  /** SetParameter's own condition: 0n fails with PARAMETER_EXISTS, another one with REVISION_MISMATCH. */
  readonly ifRevision?: Revision | undefined;
}

export interface DeleteOperation {
  readonly type: 'delete';
  readonly key: string;
  readonly allowMissing: boolean;
  readonly ifRevision?: Revision | undefined;
}

/** The labels that the operation leaves: removals come first. */
export function mergedLabels(
  { labels, removeLabels }: SetOperation,
  before: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  if (labels.size === 0 && removeLabels.length === 0) return before;
  const merged = new Map(removeLabels.includes('*') ? [] : before);
  for (const name of removeLabels) merged.delete(name);
  for (const [name, text] of labels) merged.set(name, text);
  return merged;
}

export type Operation = SetOperation | DeleteOperation;

/** What one call of SetParameter, DeleteParameter or Commit asks: all of it at one revision, or nothing. */
export interface Write {
  readonly conditions: readonly Condition[];
  /** 1 to 300, no key twice. */
  readonly operations: readonly Operation[];
  /** Empty: none. Remembered for an hour, per principal. */
  readonly requestId: string;
  /** Whose request ids these are. Empty: not authenticated. */
  readonly principal: string;
  /** Recorded as updatedBy. */
  readonly actor: string;
  /** 32 bytes over the request's fields: tells a retry from another request with the same id. */
  readonly contentHash: Uint8Array;
  /** Check everything, write nothing. */
  readonly validateOnly: boolean;
}

/** What the store tells of one set operation that it has done. */
export interface SetDone {
  readonly key: string;
  readonly createRevision: Revision;
  readonly version: bigint;
  readonly createTimeUs: bigint;
  readonly cacheTtlNs: bigint;
  /** After the merge. Undefined: too large to tell, the log has them. */
  readonly labels: ReadonlyMap<string, string> | undefined;
}

/** Why the store refused one write. It changed nothing and took no revision. */
export type Refusal =
  | { readonly reason: 'PARAMETER_NOT_FOUND'; readonly key: string; readonly revision: Revision }
  | { readonly reason: 'PARAMETER_EXISTS'; readonly key: string; readonly currentRevision: Revision }
  | {
      readonly reason: 'REVISION_MISMATCH';
      /** All that do not hold; a revision of 0n: does not exist. */
      readonly mismatches: readonly { readonly key: string; readonly currentRevision: Revision }[];
    }
  | { readonly reason: 'KIND_MISMATCH'; readonly key: string; readonly currentKind: ValueKind }
  | { readonly reason: 'REQUEST_ID_REUSED' }
  | { readonly reason: 'VALUE_REQUIRED'; readonly key: string; readonly operation: number }
  | { readonly reason: 'LIMIT_EXCEEDED'; readonly limit: string; readonly maximum: number };

/** What became of one write. */
export type Outcome =
  | {
      readonly done: true;
      /** Of the write. Nothing to delete: one at which the keys do not exist. validateOnly: 0n. */
      readonly revision: Revision;
      /** False: validateOnly, or nothing was there to delete; then no revision was taken. */
      readonly changed: boolean;
      /** The first answer again, by requestId. `sets` is empty then: the log has them. */
      readonly replayed: boolean;
      readonly updateTimeUs: bigint;
      /** One for each set operation, in their order. */
      readonly sets: readonly SetDone[];
      /** Keys of delete operations that found nothing (allowMissing): they have no event. */
      readonly missing: readonly string[];
    }
  | { readonly done: false; readonly refusal: Refusal };

/** Writes that the store does in one call, each for itself: no key, condition or requestId of one touches another. */
export interface Batch {
  /** 32 hexadecimal digits, random. Sent again after a lost connection, it tells the store that it is the same. */
  readonly id: string;
  readonly writes: readonly Write[];
}

export const BATCH_OPERATIONS_MAX = 300;
export const BATCH_BYTES_MAX = 1 << 20;
/** Of all parameters that one Commit writes and replaces. */
export const COMMIT_BYTES_MAX = 3 << 20;
export const LABELS_MAX = 64;
