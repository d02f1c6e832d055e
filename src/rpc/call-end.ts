import { randomBytes } from 'node:crypto';
import { ParamdError } from '../model/errors.ts';
import { type CallStatus, CallStatusError, statusOf, unforeseenStatus } from './status-table.ts';

export interface Defect {
  readonly errorId: string;
  readonly error: unknown;
}

/** The status for an error, and what the log is told of it if it is none of the known failures. */
export function endOf(error: unknown): { status: CallStatus; defect?: Defect } {
  if (error instanceof ParamdError) return { status: statusOf(error.failure) };
  if (error instanceof CallStatusError) return { status: error.status };
  const errorId = randomBytes(8).toString('hex');
  return { status: unforeseenStatus(errorId), defect: { errorId, error } };
}
