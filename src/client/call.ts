import type { CallOptions, ClientReadableStream, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import { toRpcError } from './rpc-error.ts';

/** Of every call. */
export interface CallSettings {
  /** Until when the answer must be there; by default the client's, 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Its abort cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What one client gives to all of its calls. */
export interface CallDefaults {
  readonly metadata: Metadata;
  readonly timeoutMs: number;
}

type Unary<Q, S> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: S) => void,
) => ClientUnaryCall;

/** @throws ParamdRpcError; the signal's reason if it aborts */
export function unary<Q, S>(
  start: Unary<Q, S>,
  request: Q,
  settings: CallSettings,
  defaults: CallDefaults,
): Promise<S> {
  const { signal, timeoutMs = defaults.timeoutMs } = settings;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const cancel = () => call.cancel();
    const call = start(request, defaults.metadata, { deadline: Date.now() + timeoutMs }, (error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(signal?.aborted ? signal.reason : toRpcError(error));
    });
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/**
 * The responses of a streaming call. Leaving the loop cancels the call, which grpc-js by itself would not (#2385); only
 * what the loop asks for is read from the network, and a little ahead.
 * @throws ParamdRpcError; the signal's reason if it aborts
 */
export async function* responses<S>(
  start: () => ClientReadableStream<S>,
  signal: AbortSignal | undefined,
): AsyncGenerator<S, void, undefined> {
  signal?.throwIfAborted();
  const call = start();
  call.on('error', () => {}); // a cancelled call still reports itself after the loop has gone
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    yield* call as AsyncIterable<S>;
  } catch (error) {
    throw signal?.aborted ? signal.reason : toRpcError(error);
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}
