import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Event } from '../../gen/parameter/v1/parameter.ts';
import { WatchResponse_Kind as Kind, type WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { type ParamdRpcError, toRpcError } from '../../src/client/rpc-error.ts';
import { eventually } from './eventually.ts';

/** Collects what one call of Watch sends. */
export class WatchStream {
  readonly responses: WatchResponse[] = [];
  /** Resolves when it ends, to the error; after cancel() to undefined. */
  readonly ended: Promise<ParamdRpcError | undefined>;
  readonly #stream: ClientReadableStream<WatchResponse>;
  #failure: ParamdRpcError | undefined;

  constructor(stream: ClientReadableStream<WatchResponse>) {
    this.#stream = stream;
    stream.on('data', (response: WatchResponse) => this.responses.push(response));
    this.ended = new Promise((resolve) => {
      stream.once('error', (error: ServiceError) => {
        if (error.code !== status.CANCELLED) this.#failure = toRpcError(error) as ParamdRpcError;
        resolve(this.#failure);
      });
    });
  }

  get failure(): ParamdRpcError | undefined {
    return this.#failure;
  }

  get changes(): WatchResponse[] {
    return this.responses.filter(({ kind }) => kind === Kind.KIND_CHANGES);
  }

  get events(): Event[] {
    return this.changes.flatMap(({ events }) => events);
  }

  /** Nothing up to it is still to come. */
  get revision(): bigint {
    return this.responses.reduce((last, { revision }) => (revision > last ? revision : last), 0n);
  }

  /** @throws what ended it */
  async reached(revision: bigint, withinMs?: number): Promise<void> {
    await eventually(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.revision >= revision;
    }, withinMs);
  }

  /** Has it told where it runs? */
  async begun(): Promise<void> {
    await eventually(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.responses.length > 0;
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#stream.cancel();
  }
}
