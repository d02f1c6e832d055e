// Between grpc-js and the handlers of server streams. The naive way, writing what there is and ending with an error, fails
// against clients that do not read: grpc-js buffers without limit, and a status waits behind the data for ever. So a
// handler sends one message and goes on when it has left the process (C11), raced with the caller's leaving and a stall
// timer; and a stream that has not closed in time after its status is closed below grpc-js.
import { status as Code, type handleServerStreamingCall, type ServerWritableStream } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import { admit } from './admission.ts';
import { endOf, statusName } from './handle-unary.ts';
import { IncomingCall } from './incoming-call.ts';
import { drainingError, type Runtime } from './runtime.ts';
import { type CallStatus, plainStatus } from './status-table.ts';
import { type BaseCall, baseCall, closeStream, streamIsClosed } from './transport.ts';

/** Resolves when the message has left the process; rejects when the stream is over. */
export type Send = (message: Buffer) => Promise<void>;

/** A handler of a server stream. When it returns, the stream ends with OK; when it throws, with that error. */
export type Stream = (request: Buffer, call: IncomingCall, send: Send) => Promise<void>;

export function handleStream(
  runtime: Runtime,
  path: string,
  stream: Stream,
): handleServerStreamingCall<Buffer, Buffer> {
  return (grpcCall) => {
    const base = baseCall(grpcCall);
    runtime.open.settled(base);
    const connection = runtime.connectionOf(base);
    const ended = runtime.observer.started(path);
    const call = new IncomingCall(grpcCall, connection, runtime.clock, Number.POSITIVE_INFINITY);
    const abort = (reason: ParamdError): void => call.abort(reason);

    const run = async (): Promise<void> => {
      if (runtime.draining) throw drainingError();
      admit(connection, grpcCall.metadata, runtime.limits, runtime.clock);
      runtime.streams.add(abort);
      await stream(grpcCall.request, call, sender(grpcCall, base, call.signal, runtime));
    };
    run()
      .then(
        () => ({ status: plainStatus(Code.OK, 'OK') }),
        // Whatever a handler says on being stopped, why it was stopped is the reason.
        (error) => endOf(call.signal.aborted && isCancelled(error) ? call.signal.reason : error),
      )
      .then(({ status, ...rest }) => {
        runtime.streams.delete(abort);
        call.abort(new ParamdError({ reason: 'CANCELLED' }));
        endStream(grpcCall, base, status, runtime);
        ended({ status: statusName(status.code), peer: connection.peer, ...('defect' in rest ? rest.defect : {}) });
      });
  };
}

function isCancelled(error: unknown): boolean {
  return error instanceof ParamdError && error.failure.reason === 'CANCELLED';
}

/** What send rejects with when the client takes nothing for so long. */
export class StalledError extends ParamdError {
  constructor() {
    super({ reason: 'CANCELLED' });
  }
}

function sender(
  grpcCall: ServerWritableStream<Buffer, Buffer>,
  base: BaseCall,
  signal: AbortSignal,
  { clock, limits }: Runtime,
): Send {
  return (message) =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        stall.cancel();
        signal.removeEventListener('abort', leave);
      };
      const leave = (): void => {
        settle();
        reject(signal.reason);
      };
      const stall = clock.setTimer(limits.stallMs, () => {
        settle();
        closeStream(base);
        reject(new StalledError());
      });
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave);
      grpcCall.write(message, (error?: Error | null) => {
        settle();
        if (error) reject(new ParamdError({ reason: 'CANCELLED' }));
        else resolve();
      });
    });
}

/** Tells the client why its stream ends; if it does not listen, the stream is closed all the same. */
function endStream(
  grpcCall: ServerWritableStream<Buffer, Buffer>,
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
