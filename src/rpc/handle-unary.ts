// Between grpc-js and the handlers of unary calls. grpc-js takes no promises: one that rejects leaves the client hanging,
// and whatever a handler throws is told to the client. Here every way out ends in exactly one status.
import { randomBytes } from 'node:crypto';
import { status as Code, type handleUnaryCall } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import { type Admission, admit } from './admission.ts';
import { IncomingCall } from './incoming-call.ts';
import type { Runtime } from './runtime.ts';
import {
  type CallStatus,
  CallStatusError,
  plainStatus,
  statusName,
  statusOf,
  unforeseenStatus,
} from './status-table.ts';
import { type AnyServerCall, baseCall, type RequestMessage, releaseRequest } from './transport.ts';
import { admitAnswer, answerLeaves } from './unread-answers.ts';

/** A handler: from the bytes of the request to those of the response. */
export type Answer = (request: Buffer, call: IncomingCall) => Promise<Buffer> | Buffer;

export function handleUnary(
  runtime: Runtime,
  path: string,
  answer: Answer,
  admission: Admission = 'limited',
): handleUnaryCall<RequestMessage, Buffer> {
  const { limits, clock, open } = runtime;
  return (grpcCall, respond) => {
    const base = baseCall(grpcCall);
    const connection = runtime.connectionOf(base);
    const ended = runtime.observer.started(path);
    let isAnswered = false;
    let call: IncomingCall | undefined;
    const answered = (): void => {
      isAnswered = true;
      call?.answered();
      open.answered(base);
      releaseRequest(grpcCall);
    };
    const succeed = (response: Buffer): void => {
      if (isAnswered) return;
      if (admission === 'read') admitAnswer(connection, runtime, response.length);
      answered();
      answerLeaves(base, connection, response.length);
      respond(null, response);
      ended({ status: grpcCall.cancelled ? lateStatus(grpcCall) : 'OK', peer: connection.peer });
    };
    const end = (status: CallStatus, defect?: Defect): void => {
      if (isAnswered) return;
      answered();
      respond(status);
      const name = grpcCall.cancelled ? lateStatus(grpcCall) : statusName(status.code);
      ended({ status: name, peer: connection.peer, ...defect });
    };
    const fail = (error: unknown): void => {
      const { status, defect } = endOf(error);
      end(status, defect);
    };

    try {
      // It has waited for too long to be read.
      if (grpcCall.cancelled) throw new ParamdError({ reason: 'CANCELLED' });
      admit(admission, runtime, connection);
      const incoming = new IncomingCall(grpcCall, connection, clock, limits.unaryTimeoutMs);
      call = incoming;
      open.handled(base, () => {
        end(plainStatus(Code.DEADLINE_EXCEEDED, `no answer within ${limits.unaryTimeoutMs} ms`));
        incoming.abort(new ParamdError({ reason: 'CANCELLED' }));
      });
      const response = answer(grpcCall.request.bytes, incoming);
      if (response instanceof Promise) response.then(succeed).catch(fail);
      else succeed(response);
    } catch (error) {
      fail(error);
    }
  };
}

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

/** Of a call that had ended before its answer. */
function lateStatus(call: AnyServerCall): string {
  return Number(call.getDeadline()) <= Date.now() ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
}
