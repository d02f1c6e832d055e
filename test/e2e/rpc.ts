import { type Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { CacheServiceClient, GetStatsRequest, type GetStatsResponse } from '../../gen/parameter/v1/cache_service.ts';
import type { ReadConsistency } from '../../gen/parameter/v1/freshness.ts';
import type { Value } from '../../gen/parameter/v1/parameter.ts';
import {
  BatchGetParametersRequest,
  type BatchGetParametersResponse,
  CommitRequest,
  type CommitResponse,
  DeleteParameterRequest,
  type DeleteParameterResponse,
  GetParameterRequest,
  type GetParameterResponse,
  ListParametersRequest,
  type ListParametersResponse,
  type Operation,
  ParameterServiceClient,
  SetParameterRequest,
  type SetParameterResponse,
  WatchRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs } from '../../src/client/duration.ts';
import { ParamdRpcError, toRpcError } from '../../src/client/rpc-error.ts';
import { WatchStream } from './watch-stream.ts';

const CALL_MS = 8000;

/** Fields that are left out have their defaults. */
type Call<Q, S> = (request: Partial<Q>, timeoutMs?: number) => Promise<S>;

/** The generated client with promises: what any client would send, no retries, nothing added. */
export interface Rpc {
  readonly target: string;
  readonly get: Call<GetParameterRequest, GetParameterResponse>;
  readonly getMany: Call<BatchGetParametersRequest, BatchGetParametersResponse>;
  readonly list: Call<ListParametersRequest, ListParametersResponse>;
  readonly set: Call<SetParameterRequest, SetParameterResponse>;
  readonly delete: Call<DeleteParameterRequest, DeleteParameterResponse>;
  readonly commit: Call<CommitRequest, CommitResponse>;
  readonly stats: Call<GetStatsRequest, GetStatsResponse>;
  watch(request: Partial<WatchRequest>): WatchStream;
  readonly parameters: ParameterServiceClient;
  readonly caches: CacheServiceClient;
  close(): void;
}

export function openRpc(target: string): Rpc {
  const options = {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1000,
  };
  const parameters = new ParameterServiceClient(target, credentials.createInsecure(), options);
  const channel = { channelOverride: parameters.getChannel() };
  const caches = new CacheServiceClient(target, credentials.createInsecure(), channel);
  const metadata = new Metadata();
  metadata.set('paramd-actor', 'mocha');

  function unary<Q, S>(client: Client, method: string, type: { fromPartial(partial: never): Q }): Call<Q, S> {
    const call = Reflect.get(client, method) as (...given: unknown[]) => unknown;
    return (partial, timeoutMs = CALL_MS) =>
      new Promise((resolve, reject) => {
        const settle = (error: ServiceError | null, response: S) =>
          error ? reject(toRpcError(error)) : resolve(response);
        call.call(client, type.fromPartial(partial as never), metadata, { deadline: Date.now() + timeoutMs }, settle);
      });
  }

  return {
    target,
    get: unary(parameters, 'getParameter', GetParameterRequest),
    getMany: unary(parameters, 'batchGetParameters', BatchGetParametersRequest),
    list: unary(parameters, 'listParameters', ListParametersRequest),
    set: unary(parameters, 'setParameter', SetParameterRequest),
    delete: unary(parameters, 'deleteParameter', DeleteParameterRequest),
    commit: unary(parameters, 'commit', CommitRequest),
    stats: unary(caches, 'getStats', GetStatsRequest),
    watch: (request) => new WatchStream(parameters.watch(WatchRequest.fromPartial(request as never), metadata)),
    parameters,
    caches,
    close: () => parameters.close(),
  };
}

export function text(value: string): Value {
  return { kind: { $case: 'stringValue', value } };
}

/** Of a string_value; '': no parameter, or another kind. */
export function textOf(parameter: { readonly value?: Value | undefined } | undefined): string {
  const kind = parameter?.value?.kind;
  return kind?.$case === 'stringValue' ? kind.value : '';
}

export function int(value: number | bigint): Value {
  return { kind: { $case: 'intValue', value: BigInt(value) } };
}

/** Of an int_value; undefined: no parameter, or another kind. */
export function intOf(parameter: { readonly value?: Value | undefined } | undefined): number | undefined {
  const kind = parameter?.value?.kind;
  return kind?.$case === 'intValue' ? Number(kind.value) : undefined;
}

export function setOf(key: string, value: Value): Operation {
  const contents = { key, value, cacheTtl: undefined, labels: new Map(), removeLabels: [], allowKindChange: false };
  return { operation: { $case: 'set', value: contents } };
}

export function deleteOf(key: string, allowMissing = false): Operation {
  return { operation: { $case: 'delete', value: { key, allowMissing } } };
}

export function consistency(demands: {
  maxStalenessMs?: number;
  atLeastRevision?: bigint;
  linearizable?: boolean;
}): ReadConsistency {
  const { maxStalenessMs, atLeastRevision = 0n, linearizable = false } = demands;
  return {
    maxStaleness: maxStalenessMs === undefined ? undefined : durationOfMs(maxStalenessMs),
    atLeastRevision,
    linearizable,
  };
}

/** "UNAVAILABLE STORE_UNREACHABLE": a failed assertion about the error itself could not be told by a worker of mocha. */
export function told(error: ParamdRpcError | undefined): string {
  return error === undefined ? 'no error' : `${error.status} ${error.reason}`;
}

/** The error that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<ParamdRpcError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ParamdRpcError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
