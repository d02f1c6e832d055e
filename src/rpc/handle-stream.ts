// Between grpc-js and the handlers of server streams. The naive way, writing what there is and ending with an error, fails
// against clients that do not read: grpc-js buffers without limit, and a status waits behind the data for ever. So a
// handler sends one message and goes on when it has left the process (C11), raced with the caller's leaving and a stall
// timer; and a stream that has not closed in time after its status is closed below grpc-js.
import { status as Code, type handleServerStreamingCall, type ServerWritableStream } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import { type Admission, admit } from './admission.ts';
import { type Defect, endOf } from './call-end.ts';
import { IncomingCall } from './incoming-call.ts';
import type { Runtime } from './runtime.ts';
import { type CallStatus, plainStatus, statusName } from './status-table.ts';
import { type Send, streamSender } from './stream-sender.ts';
import {
  type BaseCall,
  baseCall,
  closeStream,
  type RequestMessage,
  releaseRequest,
  streamIsClosed,
} from './transport.ts';

/** A handler of a server stream. When it returns, the stream ends with OK; when it throws, with that error. */
export type Stream<Asked> = (asked: Asked, call: IncomingCall, send: Send) => Promise<void>;

/** @param askedBy what the request asks for, without a piece of its bytes: streams live long, and requests may be large */
export function handleStream<Asked>(
  runtime: Runtime,
  path: string,
  askedBy: (request: Buffer) => Asked,
  stream: Stream<Asked>,
  admission: Admission = 'limited',
): handleServerStreamingCall<RequestMessage, Buffer> {
  return async (grpcCall) => {
    const base = baseCall(grpcCall);
    runtime.open.settled(base);
    const connection = runtime.connectionOf(base);
    const { observer, clock } = runtime;
    const startedAtMs = clock.monotonicMs();
    observer.started(path);
    const call = new IncomingCall(connection, base, startedAtMs, remainingMs(grpcCall));
    const leave = (): void => call.abort(new ParamdError({ reason: 'CANCELLED' }));
    if (grpcCall.cancelled) leave();
    else grpcCall.once('cancelled', leave);
    // No part of what goes on for as long as the stream: it would keep the request.
    const begin = (): Asked => {
      try {
        admit(admission, runtime, connection);
        return askedBy(grpcCall.request.bytes);
      } finally {
        releaseRequest(grpcCall);
      }
    };
    const { status, defect } = await outcomeOf(call, async () => {
      const asked = begin();
      runtime.streams.add(base, (reason) => call.abort(reason));
      const sender = streamSender(grpcCall, call.signal, clock, runtime.limits.stallMs, () => closeStream(base));
      await stream(asked, call, sender.send).finally(sender.close);
    });
    runtime.streams.remove(base);
    leave();
    endStream(grpcCall, base, status, runtime);
    const tookMs = clock.monotonicMs() - startedAtMs;
    observer.ended(path, tookMs, { status: statusName(status.code), peer: connection.peer, ...defect });
  };
}

function remainingMs(grpcCall: ServerWritableStream<RequestMessage, Buffer>): number {
  const deadline = grpcCall.getDeadline();
  return deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, Number(deadline) - Date.now());
}

async function outcomeOf(
  call: IncomingCall,
  run: () => Promise<void>,
): Promise<{ status: CallStatus; defect?: Defect }> {
  try {
    await run();
    return { status: plainStatus(Code.OK, 'OK') };
  } catch (error) {
    // Whatever a handler says on being stopped, why it was stopped is the reason.
    return endOf(call.signal.aborted && isCancelled(error) ? call.signal.reason : error);
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof ParamdError && error.failure.reason === 'CANCELLED';
}

/** Tells the client why its stream ends; if it does not listen, the stream is closed all the same. */
function endStream(
  grpcCall: ServerWritableStream<RequestMessage, Buffer>,
  base: BaseCall,
  status: CallStatus,
  { clock, limits }: Runtime,
): void {
  if (streamIsClosed(base) || grpcCall.cancelled) return;
  if (status.code === Code.OK) grpcCall.end();
  else grpcCall.emit('error', status);
  const stall = clock.setTimer(limits.stallMs, () => {
    if (!streamIsClosed(base)) closeStream(base);
  });
  base.stream.once('close', () => stall.cancel());
}
