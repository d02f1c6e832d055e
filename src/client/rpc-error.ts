import { type ServiceError, status } from '@grpc/grpc-js';
import type { Any } from '../../gen/google/protobuf/any.ts';
import { BadRequest, ErrorInfo, PreconditionFailure, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import type { ErrorReason } from '../../gen/parameter/v1/error_reason.ts';
import { Freshness } from '../../gen/parameter/v1/freshness.ts';
import { msOfDuration } from './duration.ts';

type NameIn<Member> = Member extends `ERROR_REASON_${infer Name}` ? Exclude<Name, 'UNSPECIFIED'> : never;
/** As error_reason.proto names them: "REVISION_MISMATCH". */
export type Reason = NameIn<keyof typeof ErrorReason>;

/** What came in `grpc-status-details-bin`, parsed. */
export interface ErrorDetails {
  readonly errorInfo?: ErrorInfo;
  readonly badRequest?: BadRequest;
  readonly preconditionFailure?: PreconditionFailure;
  readonly retryInfo?: RetryInfo;
  /** Of NOT_FOUND: what that answer is worth. */
  readonly freshness?: Freshness;
}

/** A call that failed. `code` says what kind of failure it is, `reason` (error_reason.proto) which one. */
export class ParamdRpcError extends Error {
  /** Of gRPC: 5. */
  readonly code: number;
  /** Its name: "NOT_FOUND". */
  readonly status: string;
  /** Undefined: not from paramd but from the way to it. Servers newer than this client may have more of them. */
  readonly reason: Reason | (string & {}) | undefined;
  /** As error_reason.proto names it for the reason. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly details: ErrorDetails;
  /** How long paramd asks to wait before the next attempt. Undefined, with a reason: the same call would fail again. */
  readonly retryAfterMs: number | undefined;

  /** Of REVISION_MISMATCH and PARAMETER_EXISTS: at which the parameter is; 0n: it does not exist. */
  get currentRevision(): bigint | undefined {
    const text = this.metadata.get('currentRevision');
    return text !== undefined && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  }

  constructor(code: number, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = 'ParamdRpcError';
    this.code = code;
    this.status = status[code] ?? `status ${code}`;
    const info = details.errorInfo?.domain === 'paramd' ? details.errorInfo : undefined;
    this.reason = info?.reason;
    this.metadata = info?.metadata ?? new Map();
    this.details = details;
    this.retryAfterMs = details.retryInfo && msOfDuration(details.retryInfo.retryDelay ?? { seconds: 0n, nanos: 0 });
  }
}

/** What calls on a closed client get, and what its watches end with. */
export function clientClosed(): ParamdRpcError {
  return new ParamdRpcError(status.FAILED_PRECONDITION, 'this client is closed');
}

/** What a call gets that is not sent, because most of the last ones were refused. */
export function tooMuch(): ParamdRpcError {
  const message =
    'not sent: paramd has refused most calls of this client in the last seconds, for it has too much to do';
  const metadata = new Map([['limit', 'wait_ms']]);
  const errorInfo = { reason: 'RATE_LIMITED', domain: 'paramd', metadata };
  return new ParamdRpcError(status.RESOURCE_EXHAUSTED, message, { errorInfo });
}

/**
 * The way to paramd broke under the call, which can be tried again: whatever paramd itself says has a reason. CANCELLED
 * is by the other side, or for want of a connection; who cancels here gets the reason of the signal.
 */
export function isWayBroken({ code, reason, message }: ParamdRpcError): boolean {
  if (reason !== undefined) return false;
  return [status.UNAVAILABLE, status.CANCELLED].includes(code) || isReset(code, message);
}

function isReset(code: number, message: string): boolean {
  return code === status.INTERNAL && message.includes('RST_STREAM');
}

/** What grpc-js throws, as ParamdRpcError; all else as it is. */
export function toRpcError(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const [encoded] = error.metadata?.get('grpc-status-details-bin') ?? [];
  return new ParamdRpcError(error.code, innermost(error.details || error.message), parseDetails(encoded));
}

/** Of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}

/** Whatever was thrown as text; not everything can be made one. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'what has no text';
  }
}

/** grpc-js wraps the error of a connection in those of its channel and of its balancer. */
function innermost(message: string): string {
  if (!message.includes('No connection established')) return message;
  const cause = message.split('Last error: ').at(-1) ?? message;
  return `no connection: ${cause.replace(/\s*(?:\(\d{4}-[^)]*\))?\. Resolution note:.*$/, '').replace(/^Error: /, '')}`;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number' && 'details' in error;
}

/** Details that cannot be read are as if they were not there: the status counts. */
function parseDetails(encoded: string | Buffer | undefined): ErrorDetails {
  if (!Buffer.isBuffer(encoded)) return {};
  try {
    return Object.assign({}, ...Status.decode(encoded).details.map(parseDetail));
  } catch {
    return {};
  }
}

function parseDetail({ typeUrl, value }: Any): ErrorDetails {
  switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
    case 'google.rpc.ErrorInfo':
      return { errorInfo: ErrorInfo.decode(value) };
    case 'google.rpc.BadRequest':
      return { badRequest: BadRequest.decode(value) };
    case 'google.rpc.PreconditionFailure':
      return { preconditionFailure: PreconditionFailure.decode(value) };
    case 'google.rpc.RetryInfo':
      return { retryInfo: RetryInfo.decode(value) };
    case 'parameter.v1.Freshness':
      return { freshness: Freshness.decode(value) };
    default:
      return {};
  }
}
