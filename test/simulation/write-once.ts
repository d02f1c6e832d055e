import type { Condition, Operation, Write } from '../../src/model/write.ts';
import { setText } from '../core/cluster.ts';
import type { WriteOutcome, WrittenOperation } from '../history/history.ts';
import { type Answered, callPlace } from './call-place.ts';
import { WRITE_LABEL } from './chronicle.ts';
import { anyPlace, type Client, foresee, KEYS, moveOn, saw } from './client.ts';
import type { Place } from './fleet.ts';

const DEADLINES_MS = [150, 800, 2000];
const ATTEMPTS_MAX = 3;
const REFUSALS = ['REVISION_MISMATCH', 'PARAMETER_EXISTS', 'PARAMETER_NOT_FOUND', 'INVALID_FIELD', 'OUTCOME_UNKNOWN'];
const TTLS_NS = [undefined, undefined, 80_000_000n, 400_000_000n];

/** Of clients that send a write over a second connection. Below it are those of the others. */
const TWINS_FROM = 1000;

/** A set, a delete or a commit of several, perhaps with conditions; where nobody knows what came of it, once more. */
export async function writeOnce(client: Client, name: string): Promise<void> {
  const { chance } = client.fleet;
  const write = anyWrite(client, name);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const place = anyPlace(client);
    const sent = send(client, place, write, name);
    // Not sure that it will arrive, it sends the same at once over another connection: one of them must not count.
    if (write.requestId !== '' && chance.of(0.1))
      await send({ ...client, id: client.id + TWINS_FROM }, place, write, name);
    const outcome = await sent;
    if (outcome.status === 'ok') {
      saw(client, outcome.revision);
      for (const { type, key } of write.operations) client.known.set(key, type === 'set' ? outcome.revision : 0n);
      return;
    }
    foresee(client, name, outcome.reason, REFUSALS);
    if (outcome.status === 'failed' && outcome.reason !== 'STORE_UNREACHABLE' && outcome.reason !== 'REFUSED') return;
    moveOn(client);
    if (outcome.status === 'unknown' && write.requestId === '') return;
    await client.fleet.sleep(chance.between(1, 120));
  }
}

async function send(client: Client, place: Place, write: Write, name: string): Promise<WriteOutcome> {
  const { fleet, recorder } = client;
  fleet.trace.tell(client.name, () => `> ${place.name} ${describe(write)}`);
  const options = { name: 'write', deadlineMs: fleet.chance.pick(DEADLINES_MS), source: `${client.name} ${client.id}` };
  const answered = await callPlace(fleet, place, options, (core, call) => core.write(write, call));
  const outcome = outcomeOf(answered);
  recorder.operations.push({
    client: client.id,
    replica: answered.replica,
    callMs: answered.callMs,
    returnMs: answered.returnMs,
    type: 'write',
    operations: write.operations.map((operation) => written(operation, name)),
    conditions: allConditions(write).map(({ key, ifRevision }) => ({ key, revision: ifRevision })),
    requestId: write.requestId,
    outcome,
  });
  fleet.trace.tell(client.name, () => `< ${answered.replica} ${name} ${described(client, outcome)}`);
  return outcome;
}

function outcomeOf({ answer }: Answered<{ readonly revision: bigint }>): WriteOutcome {
  if (answer.status === 'ok') return { status: 'ok', revision: answer.value.revision };
  const isUnknown = answer.status === 'none' || answer.reason === 'OUTCOME_UNKNOWN' || answer.reason === 'CANCELLED';
  return { status: isUnknown ? 'unknown' : 'failed', reason: answer.reason };
}

function anyWrite(client: Client, name: string): Write {
  const { chance } = client.fleet;
  const keys = new Set([chance.pick(KEYS)]);
  if (chance.of(0.3)) for (let more = chance.below(3); more >= 0; more--) keys.add(chance.pick(KEYS));
  const operations = [...keys].map((key) => anyOperation(client, key, name));
  const conditions: Condition[] = [];
  if (chance.of(0.2)) {
    const key = chance.pick(KEYS);
    conditions.push({ key, ifRevision: knownOf(client, key) });
  }
  const hash = Buffer.alloc(32);
  hash.write(name);
  return {
    conditions,
    operations,
    requestId: client.usesRequestIds && chance.of(0.6) ? `request ${name}` : '',
    principal: '',
    actor: client.name,
    contentHash: hash,
    validateOnly: false,
  };
}

function anyOperation(client: Client, key: string, name: string): Operation {
  const { chance } = client.fleet;
  const condition = chance.of(0.25) ? { ifRevision: knownOf(client, key) } : {};
  if (chance.of(0.2)) return { type: 'delete', key, allowMissing: chance.of(0.7), ...condition };
  const labels = new Map([[WRITE_LABEL, name]]);
  // Without a value it leaves the one that is there: the writer's replica cannot tell it to others.
  const value = chance.of(0.12) ? { value: undefined } : {};
  return {
    ...setText(key, `value of ${name}`),
    labels,
    cacheTtlNs: chance.pick(TTLS_NS),
    ...condition,
    ...value,
  } as Operation;
}

/** What the client last saw, which may be outdated; sometimes that there is none. */
function knownOf({ known, fleet }: Client, key: string): bigint {
  return fleet.chance.of(0.3) ? 0n : (known.get(key) ?? 0n);
}

function written({ type, key }: Operation, name: string): WrittenOperation {
  return type === 'set' ? { type, key, value: name } : { type, key };
}

function allConditions({ conditions, operations }: Write): readonly Condition[] {
  const own = operations.flatMap(({ key, ifRevision }) => (ifRevision === undefined ? [] : [{ key, ifRevision }]));
  return [...conditions, ...own];
}

function describe(write: Write): string {
  const { conditions, operations, requestId } = write;
  const did = operations.map((operation) => {
    const condition = operation.ifRevision === undefined ? '' : ` if at ${operation.ifRevision}`;
    if (operation.type === 'delete') return `delete ${operation.key}${condition}`;
    const labels = operation.labels.get(WRITE_LABEL);
    return `set ${operation.key}=${labels}${operation.value === undefined ? ' (labels only)' : ''}${condition}`;
  });
  const when = conditions.map(({ key, ifRevision }) => `, if ${key} is at ${ifRevision}`).join('');
  return `${did.join(', ')}${when}${requestId === '' ? '' : ` as "${requestId}"`}`;
}

function described({ fleet }: Client, outcome: WriteOutcome): string {
  return outcome.status === 'ok'
    ? `ok at ${fleet.chronicle.short(outcome.revision)}`
    : `${outcome.status}: ${outcome.reason}`;
}
