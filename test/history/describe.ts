import type { Operation, WatchRecord } from './history.ts';

/** An operation for people: who, where, when, what. */
export function describeOperation(operation: Operation): string {
  const { client, replica, callMs, returnMs } = operation;
  return `client ${client} at ${replica}, ${ms(callMs)} to ${ms(returnMs)}: ${describeRequest(operation)}`;
}

export function describeWatch({
  client,
  replica,
  openMs,
  keys,
  prefixes,
  startRevision,
  ...watch
}: WatchRecord): string {
  const wanted = [...keys.map((key) => JSON.stringify(key)), ...prefixes.map((prefix) => JSON.stringify(`${prefix}*`))];
  const initial = watch.sendInitial ? ', with a snapshot' : '';
  return `client ${client} at ${replica}, opened at ${ms(openMs)}: watch of ${wanted.join(', ')} from ${startRevision}${initial}`;
}

export function ms(time: number): string {
  return Number.isFinite(time) ? `${Math.round(time * 1000) / 1000} ms` : 'never';
}

function describeRequest(operation: Operation): string {
  if (operation.type === 'write') {
    const parts = operation.operations.map((one) =>
      one.type === 'set'
        ? `${JSON.stringify(one.key)}=${JSON.stringify(one.value)}`
        : `delete ${JSON.stringify(one.key)}`,
    );
    const conditions = operation.conditions.map(({ key, revision }) => `${JSON.stringify(key)} at ${revision}`);
    const when = conditions.length > 0 ? ` if ${conditions.join(', ')}` : '';
    const id = operation.requestId === '' ? '' : ` (request ${operation.requestId})`;
    return `write ${parts.join(', ')}${when}${id}, ${describeOutcome(operation)}`;
  }
  const { method, keys, prefix, maxStalenessMs, atLeastRevision, linearizable } = operation;
  const asked =
    method === 'list' ? `${JSON.stringify(`${prefix ?? ''}*`)}` : keys.map((key) => JSON.stringify(key)).join(', ');
  const needs = [
    ...(maxStalenessMs === undefined ? [] : [`max_staleness ${maxStalenessMs} ms`]),
    ...(atLeastRevision === undefined ? [] : [`at least revision ${atLeastRevision}`]),
    ...(linearizable ? ['linearizable'] : []),
  ];
  return `${[`${method} ${asked}`, ...needs].join(', ')}, ${describeOutcome(operation)}`;
}

function describeOutcome({ outcome }: Operation): string {
  if (outcome.status !== 'ok') return `${outcome.status} ${outcome.reason}`;
  if (!('found' in outcome)) return `acknowledged at ${outcome.revision}`;
  const { degraded, boundMs, revision } = outcome;
  const bound = boundMs === undefined ? 'no bound' : `bound ${ms(boundMs)}`;
  return `answered as of ${revision}, ${bound}${degraded ? ', degraded' : ''}`;
}
