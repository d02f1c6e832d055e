import type { WriteOutcome, WriteRecord, WrittenOperation } from '../history.ts';
import type { Model, ModelClient, ModelReplica } from './generate-history.ts';
import type { Change, ModelOrder } from './model-order.ts';

type Request = Pick<WriteRecord, 'operations' | 'conditions' | 'requestId'> & { readonly allowsMissing: boolean };

/** Writes, judged and done at one moment each; some answers get lost on their way. */
export class ModelWriter {
  readonly #model: Model;
  #count = 0;
  #batch = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  call(client: ModelClient, replica: ModelReplica, callMs: number, next: (returnMs: number) => void): void {
    this.#attempt(this.#request(), client, replica, callMs, next, 2);
  }

  #attempt(
    request: Request,
    client: ModelClient,
    replica: ModelReplica,
    callMs: number,
    next: (returnMs: number) => void,
    retries: number,
  ): void {
    const { random, queue, operations } = this.#model;
    const doneMs = callMs + random() * 8;
    const isLost = random() < 0.1;
    queue.add(doneMs, () => {
      const returnMs = doneMs + random() * 6;
      // The call is given up, and yet done later.
      const isLate = isLost && random() < 0.3;
      const outcome = isLate ? unknown : this.#commit(request, replica, doneMs);
      const lateMs = returnMs + random() * 60;
      if (isLate) queue.add(lateMs, () => this.#commit(request, replica, lateMs));
      const told = isLost ? unknown : outcome;
      const { operations: written, conditions, requestId } = request;
      const { number } = client;
      const record = { client: number, replica: replica.name, callMs, returnMs, conditions, requestId };
      operations.push({ type: 'write', ...record, operations: written, outcome: told });
      const isReal = told.status === 'ok' && replica.order.momentOf(told.revision) !== undefined;
      if (isReal && told.revision > client.seen) client.seen = told.revision;
      const again = told.status === 'unknown' && requestId !== '' && retries > 0;
      if (!again) next(returnMs);
      else this.#attempt(request, client, this.#otherReplica(), returnMs + 1, next, retries - 1);
    });
  }

  #request(): Request {
    const { random, keys } = this.#model;
    const count = random() < 0.75 ? 1 : 2 + Math.floor(random() * 3);
    const chosen = new Set(Array.from({ length: count }, () => keys[Math.floor(random() * keys.length)]!));
    const operations = [...chosen].map((key): WrittenOperation => {
      if (random() < 0.25) return { type: 'delete', key };
      return { type: 'set', key, value: `v${++this.#count}` };
    });
    const requestId = random() < 0.5 ? `q${++this.#count}` : '';
    return { operations, conditions: this.#conditions(operations), requestId, allowsMissing: random() < 0.7 };
  }

  #conditions(operations: readonly WrittenOperation[]): Request['conditions'] {
    const { random, orders, keys } = this.#model;
    const chance = random();
    if (chance > 0.35) return [];
    const order = orders.at(-1)!;
    const key = chance < 0.2 ? operations[0]!.key : keys[Math.floor(random() * keys.length)]!;
    if (random() < 0.2) return [{ key, revision: 0n }];
    // As it is now; by the time of the write it may be otherwise.
    return [{ key, revision: order.find(key, order.head)?.revision ?? 0n }];
  }

  #commit(request: Request, replica: ModelReplica, ms: number): WriteOutcome {
    const { orders } = this.#model;
    const order = orders.at(-1)!;
    if (ms > order.era.endMs) return this.#whileAway(order, ms - order.era.endMs);
    replica.order = order;
    const remembered = order.requests.get(request.requestId);
    if (remembered !== undefined) return this.#acknowledge(request, replica, remembered.revision);
    const refusal = refusalOf(request, order);
    if (refusal !== undefined) return { status: 'failed', reason: refusal };
    const changes = request.operations.filter(
      ({ type, key }) => type === 'set' || order.find(key, order.head) !== undefined,
    );
    const revision = changes.length === 0 ? order.revisions[order.head]! : this.#append(order, ms, changes);
    if (request.requestId !== '') order.requests.set(request.requestId, { revision, moment: order.head });
    return this.#acknowledge(request, replica, revision);
  }

  #append(order: ModelOrder, ms: number, changes: readonly WrittenOperation[]): bigint {
    // Some are done together with the one before.
    if (order.entries[order.head] === undefined || this.#model.random() < 0.7) this.#batch += 1;
    const events = changes.map(
      (operation): Change => (operation.type === 'set' ? { ...operation, type: 'put' } : operation),
    );
    return order.append(ms, events, `batch-${this.#batch}`);
  }

  #acknowledge({ operations }: Request, replica: ModelReplica, revision: bigint): WriteOutcome {
    for (const { key } of operations) {
      if (revision > (replica.acknowledged.get(key) ?? 0n)) replica.acknowledged.set(key, revision);
    }
    return { status: 'ok', revision };
  }

  /** Nobody is there, or an old primary still says that it has done it. */
  #whileAway(order: ModelOrder, goneMs: number): WriteOutcome {
    const chance = this.#model.random();
    if (chance < 0.5) return { status: 'failed', reason: 'STORE_UNREACHABLE' };
    return chance < 0.7 && goneMs > 10 ? { status: 'ok', revision: order.revisions[order.head]! + 1n } : unknown;
  }

  #otherReplica(): ModelReplica {
    const { replicas, random } = this.#model;
    return replicas[Math.floor(random() * replicas.length)]!;
  }
}

const unknown: WriteOutcome = { status: 'unknown', reason: 'OUTCOME_UNKNOWN' };

function refusalOf({ operations, conditions, allowsMissing }: Request, order: ModelOrder): string | undefined {
  for (const { key, revision } of conditions) {
    const there = order.find(key, order.head)?.revision ?? 0n;
    if (there !== revision) return revision === 0n ? 'PARAMETER_EXISTS' : 'REVISION_MISMATCH';
  }
  const missing = operations.some(({ type, key }) => type === 'delete' && order.find(key, order.head) === undefined);
  return missing && !allowsMissing ? 'PARAMETER_NOT_FOUND' : undefined;
}
