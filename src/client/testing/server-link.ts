import { status } from '@grpc/grpc-js';
import type { CallSettings } from '../call.ts';
import type { ParamdClient } from '../paramd-client.ts';
import { clientClosed, ParamdRpcError } from '../rpc-error.ts';

/** Of ParamdClient, those that go to a server. */
export type Method = Exclude<keyof ParamdClient, 'cache' | 'close' | 'lastSeenRevision'>;

export interface MemoryCall {
  readonly method: Method;
  /** As they were given. */
  readonly args: readonly unknown[];
}

/** The way to the server: who went it, whether it is open, and what was told to fail on it. */
export class ServerLink {
  readonly calls: MemoryCall[] = [];
  readonly #failures: { method: Method; error: Error }[] = [];
  readonly #closing = new AbortController();
  readonly #changed: () => void;
  #isUnavailable = false;
  /** How often all streams broke. */
  #breaks = 0;

  /** @param changed told whenever streams should look whether they are broken */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get unavailable(): boolean {
    return this.#isUnavailable;
  }

  set unavailable(on: boolean) {
    if (on && !this.#isUnavailable) this.#breaks += 1;
    this.#isUnavailable = on;
    this.#changed();
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort(clientClosed());
    this.#breaks += 1;
    this.#changed();
  }

  failNext(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  recorded<M extends Method>(method: M, run: ParamdClient[M]): ParamdClient[M] {
    const recorded = (...args: unknown[]) => {
      this.calls.push({ method, args });
      return (run as (...args: unknown[]) => unknown)(...args);
    };
    return recorded as ParamdClient[M];
  }

  /** A unary call. Async, so that what it throws rejects. */
  async call<T>(method: Method, { signal }: CallSettings, run: () => T): Promise<T> {
    this.reach(signal);
    this.failIfTold(method);
    return run();
  }

  /** @throws what a call ends with that does not get as far as a server */
  reach(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.closed.throwIfAborted();
    if (this.#isUnavailable) throw unreachable();
  }

  failIfTold(method: Method): void {
    const at = this.#failures.findIndex((failure) => failure.method === method);
    if (at !== -1) throw this.#failures.splice(at, 1)[0]!.error;
  }

  /** For a stream that opens now. @returns what throws once it is broken */
  openStream(): () => void {
    const opened = this.#breaks;
    return () => {
      if (this.#breaks !== opened) throw unreachable();
    };
  }
}

function unreachable(): ParamdRpcError {
  return new ParamdRpcError(status.UNAVAILABLE, 'no server can be reached (memoryClient: unavailable)');
}
