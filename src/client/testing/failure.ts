import { status } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '../../../gen/google/rpc/error_details.ts';
import { durationOfMs } from '../duration.ts';
import { type ErrorDetails, ParamdRpcError, type Reason } from '../rpc-error.ts';

/** The status that each reason comes with, and after how long its call may be tried again, as the servers say. */
const STATUSES: Readonly<Record<Reason, { readonly code: number; readonly retryMs?: number }>> = {
  INVALID_FIELD: { code: status.INVALID_ARGUMENT },
  UNKNOWN_FIELD: { code: status.INVALID_ARGUMENT },
  PARAMETER_NOT_FOUND: { code: status.NOT_FOUND },
  PARAMETER_EXISTS: { code: status.ALREADY_EXISTS },
  REVISION_MISMATCH: { code: status.ABORTED },
  KIND_MISMATCH: { code: status.FAILED_PRECONDITION },
  REQUEST_ID_REUSED: { code: status.FAILED_PRECONDITION },
  REVISION_COMPACTED: { code: status.OUT_OF_RANGE },
  REVISION_LOST: { code: status.DATA_LOSS },
  LIMIT_EXCEEDED: { code: status.RESOURCE_EXHAUSTED },
  RATE_LIMITED: { code: status.RESOURCE_EXHAUSTED, retryMs: 200 },
  STORE_UNREACHABLE: { code: status.UNAVAILABLE, retryMs: 500 },
  CONSISTENCY_NOT_MET: { code: status.UNAVAILABLE, retryMs: 100 },
  DRAINING: { code: status.UNAVAILABLE, retryMs: 100 },
  UNFORESEEN: { code: status.INTERNAL },
  OUTCOME_UNKNOWN: { code: status.UNAVAILABLE, retryMs: 500 },
};

/**
 * What a call rejects with when a server answers with that reason.
 * @param metadata as error_reason.proto names it for the reason
 */
export function failure(
  reason: Reason,
  metadata: Readonly<Record<string, string>> = {},
  message: string = reason,
  details: ErrorDetails = {},
): ParamdRpcError {
  const { code, retryMs } = STATUSES[reason];
  const entries = Object.entries(metadata).map(([name, text]) => [name, text.toWellFormed()] as const);
  const errorInfo = ErrorInfo.create({ reason, domain: 'paramd' });
  errorInfo.metadata = new Map(entries);
  const retryInfo = retryMs === undefined ? undefined : RetryInfo.create({ retryDelay: durationOfMs(retryMs) });
  return new ParamdRpcError(code, message, { errorInfo, ...(retryInfo && { retryInfo }), ...details });
}
