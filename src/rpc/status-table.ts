import { status as Code, Metadata } from '@grpc/grpc-js';
import type { Any } from '../../gen/google/protobuf/any.ts';
import { BadRequest, ErrorInfo, PreconditionFailure, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { Freshness } from '../../gen/parameter/v1/freshness.ts';
import type { Failure } from '../model/errors.ts';
import { freshnessMessage } from './responses/freshness.ts';

const DOMAIN = 'paramd';
/**
 * Of the encoded google.rpc.Status: many clients refuse more than 8 KiB of headers, base64 takes a third more, and the
 * message goes along.
 */
const DETAILS_BYTES_MAX = 3000;
/** As percent-encoded in a header. */
const MESSAGE_BYTES_MAX = 2000;

/** What a call ends with, as grpc-js takes it. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

interface Row<F> {
  readonly code: Code;
  /** For people. States the numbers, because many tools do not show details. */
  readonly message: (failure: F) => string;
  /** Of ErrorInfo. */
  readonly metadata?: (failure: F) => Record<string, string>;
  /** Undefined: not to be retried. */
  readonly retryMs?: (failure: F) => number | undefined;
  /** The most useful ones first: what passes DETAILS_BYTES_MAX is left out. */
  readonly details?: (failure: F) => Any[];
}

/** Every failure, as error_reason.proto says. */
const ROWS: { readonly [R in Failure['reason']]: Row<Extract<Failure, { reason: R }>> } = {
  INVALID_FIELD: {
    code: Code.INVALID_ARGUMENT,
    message: ({ violations }) =>
      violations.map(({ field, description }) => (field === '' ? description : `${field}: ${description}`)).join('; '),
    details: ({ violations }) => [
      bounded(violations, (kept) => {
        const fieldViolations = kept.map(({ field, description }) => ({
          field,
          description: description.toWellFormed(),
        }));
        return packed('google.rpc.BadRequest', BadRequest, BadRequest.fromPartial({ fieldViolations }));
      }),
    ],
  },
  UNKNOWN_FIELD: {
    code: Code.INVALID_ARGUMENT,
    message: ({ fieldNumber, path }) =>
      `field ${fieldNumber}${path === '' ? '' : ` of ${path}`} is not known to this server, which may be older than the client`,
    metadata: ({ fieldNumber }) => ({ fieldNumber: String(fieldNumber) }),
  },
  PARAMETER_NOT_FOUND: {
    code: Code.NOT_FOUND,
    message: ({ key, freshness }) =>
      `${quoted(key)} does not exist${freshness === undefined ? '' : ` at revision ${freshness.revision}`}`,
    metadata: ({ key }) => ({ key }),
    details: ({ freshness }) =>
      freshness === undefined ? [] : [packed('parameter.v1.Freshness', Freshness, freshnessMessage(freshness))],
  },
  PARAMETER_EXISTS: {
    code: Code.ALREADY_EXISTS,
    message: ({ key, currentRevision }) => `${quoted(key)} exists, at revision ${currentRevision}`,
    metadata: ({ key, currentRevision }) => ({ key, currentRevision: String(currentRevision) }),
  },
  REVISION_MISMATCH: {
    code: Code.ABORTED,
    message: ({ mismatches }) => mismatches.map(describeMismatch).join('; '),
    metadata: ({ mismatches }) =>
      Object.fromEntries(
        mismatches.slice(0, 1).flatMap(({ key, currentRevision }) => [
          ['key', key],
          ['currentRevision', String(currentRevision)],
        ]),
      ),
    details: ({ mismatches }) => [
      bounded(mismatches, (kept) => {
        const violations = kept.map((mismatch) => ({
          type: 'REVISION',
          subject: mismatch.key.toWellFormed(),
          description:
            mismatch.currentRevision === 0n ? 'does not exist' : `is at revision ${mismatch.currentRevision}`,
        }));
        return packed('google.rpc.PreconditionFailure', PreconditionFailure, { violations });
      }),
    ],
  },
  KIND_MISMATCH: {
    code: Code.FAILED_PRECONDITION,
    message: ({ key, currentKind }) => `${quoted(key)} holds a ${currentKind}; allow_kind_change allows another kind`,
    metadata: ({ key, currentKind }) => ({ key, currentKind }),
  },
  REQUEST_ID_REUSED: {
    code: Code.FAILED_PRECONDITION,
    message: () => 'this request_id was used for another request within the last hour',
  },
  REVISION_COMPACTED: {
    code: Code.OUT_OF_RANGE,
    message: ({ requested, oldestRevision }) =>
      `revision ${requested} is compacted, the oldest one kept is ${oldestRevision}: list again, or watch with send_initial`,
    metadata: ({ oldestRevision }) => ({ oldestRevision: String(oldestRevision) }),
  },
  REVISION_LOST: {
    code: Code.DATA_LOSS,
    message: ({ requested, head }) =>
      `revision ${requested} is not in this store, or was lost in a failover; the newest is ${head}: list again, or watch with send_initial`,
  },
  LIMIT_EXCEEDED: {
    code: Code.RESOURCE_EXHAUSTED,
    message: ({ limit, maximum, hint }) => `limit ${limit} is ${maximum}${hint === undefined ? '' : `: ${hint}`}`,
    metadata: ({ limit, maximum }) => ({ limit, maximum: String(maximum) }),
  },
  RATE_LIMITED: {
    code: Code.RESOURCE_EXHAUSTED,
    message: ({ limit, maximum, retryMs }) => `limit ${limit} is ${maximum}: retry after ${Math.ceil(retryMs)} ms`,
    metadata: ({ limit }) => ({ limit }),
    retryMs: ({ retryMs }) => retryMs,
  },
  STORE_UNREACHABLE: {
    code: Code.UNAVAILABLE,
    message: ({ why }) => `the store is unreachable: ${why}`,
    retryMs: () => 500,
  },
  CONSISTENCY_NOT_MET: {
    code: Code.UNAVAILABLE,
    message: ({ revision, wanted }) => `this replica reflects revision ${revision}; the call asked for ${wanted}`,
    metadata: ({ revision }) => ({ revision: String(revision) }),
    retryMs: () => 100,
  },
  DRAINING: {
    code: Code.UNAVAILABLE,
    message: () => 'this replica is closing; another one serves',
    retryMs: () => 100,
  },
  OUTCOME_UNKNOWN: {
    code: Code.UNAVAILABLE,
    message: ({ retriable }) =>
      `whether the write was done is not known: ${retriable ? 'retry with the same request_id' : 'read before writing again'}`,
    retryMs: ({ retriable }) => (retriable ? 500 : undefined),
  },
  CANCELLED: { code: Code.CANCELLED, message: () => 'the caller has left' },
};

export function statusOf(failure: Failure): CallStatus {
  const row = ROWS[failure.reason] as Row<Failure>;
  if (failure.reason === 'CANCELLED')
    return { code: row.code, details: row.message(failure), metadata: new Metadata() };
  const info = errorInfo(failure.reason, row.metadata?.(failure) ?? {});
  const retryMs = row.retryMs?.(failure);
  const retry = retryMs === undefined ? [] : [retryInfo(retryMs)];
  return callStatus(row.code, row.message(failure), [info, ...retry, ...(row.details?.(failure) ?? [])]);
}

export function statusName(code: number): string {
  return Code[code] ?? 'UNKNOWN';
}

/** For defects: nothing of the error itself goes out, only the id under which the log has it. */
export function unforeseenStatus(errorId: string): CallStatus {
  const message = `unforeseen error ${errorId}; the server's log has it under this id`;
  return callStatus(Code.INTERNAL, message, [errorInfo('UNFORESEEN', { errorId })]);
}

/** For what error_reason.proto has no reason for, as the transport makes it by itself. */
export function plainStatus(code: Code, message: string): CallStatus {
  return { code, details: message, metadata: new Metadata() };
}

/** Ends a call with a status that is none of ours: of the health service, whose protocol names its own. */
export class CallStatusError extends Error {
  readonly status: CallStatus;
  constructor(code: Code, message: string) {
    super(message);
    this.name = 'CallStatusError';
    this.status = plainStatus(code, message);
  }
}

function callStatus(code: Code, text: string, details: Any[]): CallStatus {
  const message = boundedMessage(text.toWellFormed());
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, message, details }).finish()));
  return { code, details: message, metadata };
}

function boundedMessage(message: string): string {
  if (message.length * 9 <= MESSAGE_BYTES_MAX || encodeURI(message).length <= MESSAGE_BYTES_MAX) return message;
  let bytes = 3 * 3;
  let kept = '';
  for (const character of message) {
    bytes += encodeURI(character).length;
    if (bytes > MESSAGE_BYTES_MAX) break;
    kept += character;
  }
  return `${kept}…`;
}

/** As many of the items as fit beside ErrorInfo and the message. */
function bounded<T>(items: readonly T[], pack: (kept: readonly T[]) => Any): Any {
  const roomBytes = DETAILS_BYTES_MAX - 900;
  for (let count = items.length; ; count = Math.floor(count / 2)) {
    const any = pack(items.slice(0, count));
    if (any.value.length <= roomBytes || count === 0) return any;
  }
}

function errorInfo(reason: string, metadata: Record<string, string>): Any {
  const entries = Object.entries(metadata).map(([name, text]) => [name, text.toWellFormed()] as const);
  return packed('google.rpc.ErrorInfo', ErrorInfo, { reason, domain: DOMAIN, metadata: new Map(entries) });
}

function retryInfo(retryMs: number): Any {
  const milliseconds = Math.max(1, Math.ceil(retryMs));
  const retryDelay = { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1_000_000 };
  return packed('google.rpc.RetryInfo', RetryInfo, { retryDelay });
}

interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

function packed<T>(typeName: string, type: Encoder<T>, message: T): Any {
  return { typeUrl: `type.googleapis.com/${typeName}`, value: Buffer.from(type.encode(message).finish()) };
}

function describeMismatch({ key, currentRevision }: { key: string; currentRevision: bigint }): string {
  return currentRevision === 0n ? `${quoted(key)} does not exist` : `${quoted(key)} is at revision ${currentRevision}`;
}

function quoted(key: string): string {
  return JSON.stringify(key);
}
