import { CacheServiceService } from '../../gen/parameter/v1/cache_service.ts';
import { ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { callHeaders, data, FLAG, headers, message } from './frames.ts';
import type { Header } from './hpack.ts';
import { RawConnection } from './raw-connection.ts';
import type { Victim } from './victim.ts';

const services = { ...ParameterServiceService, ...CacheServiceService };

/** Every RPC with generated code: its path, and the encoder of its request. */
export const METHODS = {
  GetParameter: services.getParameter,
  BatchGetParameters: services.batchGetParameters,
  ListParameters: services.listParameters,
  SetParameter: services.setParameter,
  DeleteParameter: services.deleteParameter,
  Commit: services.commit,
  Watch: services.watch,
  GetStats: services.getStats,
  WarmCache: services.warmCache,
};

export type Method = keyof typeof METHODS;

export const GET_PATH = METHODS.GetParameter.path;

/** "GetParameterRequest" */
export function requestName(method: Method): string {
  return `${method}Request`;
}

/** Those that change nothing, and ignore fields that they do not know. */
export function isRead(method: Method): boolean {
  return !['SetParameter', 'DeleteParameter', 'Commit'].includes(method);
}

/** The bytes of a request; what is left out has its default. */
export function encoded(method: Method, request: object): Buffer {
  const encode = METHODS[method].requestSerialize as (request: unknown) => Buffer;
  return encode({ ...DEFAULTS[method], ...request });
}

const setDefaults = {
  key: 'k',
  value: undefined,
  cacheTtl: undefined,
  labels: new Map(),
  removeLabels: [],
  allowKindChange: false,
};

const DEFAULTS: Readonly<Record<Method, object>> = {
  GetParameter: { key: 'k', consistency: undefined },
  BatchGetParameters: { keys: [], consistency: undefined },
  ListParameters: { prefix: '', consistency: undefined, pageSize: 0, pageToken: '', keysOnly: false },
  SetParameter: { ...setDefaults, ifRevision: undefined, requestId: '', validateOnly: false },
  DeleteParameter: { key: 'k', ifRevision: undefined, allowMissing: false, requestId: '', validateOnly: false },
  Commit: { conditions: [], operations: [], requestId: '', validateOnly: false },
  Watch: {
    ...{ keys: [], prefixes: [], startRevision: 0n, sendInitial: false, includePrevious: false },
    progressInterval: undefined,
  },
  GetStats: {},
  WarmCache: { prefix: '', maxKeysPerSecond: 0 },
};

/** An operation of a commit. */
export function setOperation(set: object): object {
  return { operation: { $case: 'set', value: { ...setDefaults, ...set } } };
}

/** A connection for one case: closed when the case has been told what came of it. */
export async function onConnection(
  victim: Victim,
  use: (connection: RawConnection) => Promise<string>,
): Promise<string> {
  const connection = await RawConnection.open(victim.port);
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** One call on a connection of its own, with this as its whole body. */
export function call(victim: Victim, path: string, body: Buffer, list: Header[] = callHeaders(path)): Promise<string> {
  return onConnection(victim, async (connection) => {
    await connection.greet();
    await connection.send(headers(1, list), data(1, body, FLAG.END_STREAM));
    return connection.reaction(1, { firstMessage: true });
  });
}

/** One request. */
export function ask(victim: Victim, method: Method, bytes: Buffer): Promise<string> {
  return call(victim, METHODS[method].path, message(bytes));
}

/** What an innocent call on the same connection is told: "OK" where all that came before it is without consequence. */
export async function innocentOn(connection: RawConnection, victim: Victim): Promise<string> {
  const stream = connection.nextProbeStream();
  const body = message(encoded('GetParameter', { key: victim.key }));
  await connection.send(headers(stream, callHeaders(GET_PATH)), data(stream, body, FLAG.END_STREAM));
  return connection.reaction(stream);
}
