import { ParameterServiceService } from '../../../gen/parameter/v1/parameter_service.ts';
import type { Read, WatchSpec } from '../../core/api.ts';
import { ParamdError } from '../../model/errors.ts';
import { handleStream, type Stream } from '../handle-stream.ts';
import { batchGetRequestOf, getRequestOf, listRequestOf, watchSpecOf } from '../requests/read-requests.ts';
import { commitWriteOf, deleteWriteOf, setWriteOf } from '../requests/write-requests.ts';
import { batchGetResponse, getResponse, listResponse } from '../responses/read-responses.ts';
import { watchEncoders } from '../responses/watch-responses.ts';
import { commitResponse, deleteResponse, setResponse } from '../responses/write-responses.ts';
import type { Runtime } from '../runtime.ts';
import type { Answer } from '../unary-call.ts';
import { passThrough, type Service } from './service.ts';

/** parameter.v1.ParameterService: each RPC reads its request, calls the core, and writes the response. */
export function parameterService(runtime: Runtime): Service {
  const service = ParameterServiceService;
  return {
    unary: [
      { path: service.getParameter.path, answer: getParameter(runtime), admission: 'read' },
      { path: service.batchGetParameters.path, answer: batchGetParameters(runtime), admission: 'read' },
      { path: service.listParameters.path, answer: listParameters(runtime), admission: 'read' },
      { path: service.setParameter.path, answer: setParameter(runtime), admission: 'limited' },
      { path: service.deleteParameter.path, answer: deleteParameter(runtime), admission: 'limited' },
      { path: service.commit.path, answer: commit(runtime), admission: 'limited' },
    ],
    definition: passThrough({ watch: service.watch }),
    streams: { watch: handleStream(runtime, service.watch.path, watchSpecOf, watch(runtime)) },
  };
}

function getParameter({ core }: Runtime): Answer {
  const answer = (key: string, { parameter, freshness }: Read): Buffer => {
    if (parameter === null) throw new ParamdError({ reason: 'PARAMETER_NOT_FOUND', key, freshness });
    return getResponse(parameter, freshness);
  };
  return (request, call) => {
    const { key, consistency } = getRequestOf(request);
    const read = core.get(key, consistency, call);
    return read instanceof Promise ? read.then((read) => answer(key, read)) : answer(key, read);
  };
}

function batchGetParameters({ core }: Runtime): Answer {
  return async (request, call) => {
    const { keys, consistency } = batchGetRequestOf(request);
    return batchGetResponse(await core.getMany(keys, consistency, call));
  };
}

function listParameters({ core, tokens }: Runtime): Answer {
  return async (request, call) => {
    const listing = listRequestOf(request, tokens);
    const page = await core.list(listing, call);
    return listResponse(page, (cursor) => tokens.seal(cursor, listing.prefix, listing.keysOnly));
  };
}

function setParameter({ core }: Runtime): Answer {
  return async (request, call) => setResponse(await core.write(setWriteOf(request, call.caller), call));
}

function deleteParameter({ core }: Runtime): Answer {
  return async (request, call) => deleteResponse(await core.write(deleteWriteOf(request, call.caller), call));
}

function commit({ core }: Runtime): Answer {
  return async (request, call) => commitResponse(await core.write(commitWriteOf(request, call.caller), call));
}

function watch({ core, limits, telemetry }: Runtime): Stream<WatchSpec> {
  const { withPrevious, withoutPrevious } = watchEncoders(() => telemetry.add('watch_encodes'));
  return async (spec, call, send) => {
    if (call.connection.watches >= limits.watchesPerConnectionMax) {
      throw tooManyWatches('watches_per_connection', limits.watchesPerConnectionMax);
    }
    const encode = spec.includePrevious ? withPrevious : withoutPrevious;
    const watching = core.watch(spec, call);
    call.connection.watches++;
    const close = (): void => watching.close();
    call.signal.addEventListener('abort', close);
    try {
      while (!call.signal.aborted) {
        for (const response of encode(await watching.next())) await send(response);
      }
    } finally {
      close();
      call.connection.watches--;
    }
    throw call.signal.reason;
  };
}

function tooManyWatches(limit: string, maximum: number): ParamdError {
  return new ParamdError({ reason: 'LIMIT_EXCEEDED', limit, maximum, hint: 'one watch can follow 100 prefixes' });
}
