import type { Found, ReadOutcome, ReadRecord } from '../history.ts';
import { type Model, type ModelClient, type ModelReplica, STALENESS_MS } from './generate-history.ts';
import type { ModelOrder } from './model-order.ts';

type Request = Pick<ReadRecord, 'method' | 'keys' | 'prefix' | 'maxStalenessMs' | 'atLeastRevision' | 'linearizable'>;

/** Reads, each the state of some moment that satisfies what it asks for. */
export class ModelReader {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  /** Now. @returns when the call returned */
  answer(client: ModelClient, replica: ModelReplica, callMs: number, answerMs: number): number {
    const { random, orders, operations } = this.#model;
    const present = orders.at(-1)!;
    const request = this.#request(client);
    // Sooner or later it learns of the failover; at once from a client that comes from there.
    const knows = random() < 0.3 || (request.atLeastRevision ?? 0n) >= present.era.startRevision - 1n;
    const mustKnow =
      request.linearizable || callMs - replica.order.era.endMs > (request.maxStalenessMs ?? STALENESS_MS);
    if (knows || mustKnow) replica.order = present;
    const outcome = this.#judge(request, replica, callMs, answerMs);
    const returnMs = answerMs + random() * 6;
    if (outcome.status === 'failed') {
      if (outcome.reason === 'REVISION_LOST') client.seen = 0n;
    } else if (outcome.revision > client.seen) client.seen = outcome.revision;
    operations.push({
      type: 'read',
      client: client.number,
      replica: replica.name,
      callMs,
      returnMs,
      ...request,
      outcome,
    });
    return returnMs;
  }

  #request({ seen }: ModelClient): Request {
    const { random, keys } = this.#model;
    const linearizable = random() < 0.15;
    const maxStalenessMs = random() < 0.2 ? 20 + Math.floor(random() * 400) : undefined;
    const atLeastRevision = random() < 0.5 && seen > 0n ? seen : undefined;
    const needs = { linearizable, maxStalenessMs, atLeastRevision };
    const pick = () => keys[Math.floor(random() * keys.length)]!;
    const chance = random();
    if (chance < 0.7) return { method: 'get', keys: [pick()], ...needs };
    if (chance < 0.9)
      return { method: 'batch', keys: Array.from({ length: Math.floor(random() * 5) }, pick), ...needs };
    return { method: 'list', keys: [], prefix: ['', 'a', 'b:', 'none'][Math.floor(random() * 4)]!, ...needs };
  }

  #judge(request: Request, replica: ModelReplica, callMs: number, answerMs: number): ReadOutcome {
    const { random } = this.#model;
    const { order } = replica;
    const { linearizable, maxStalenessMs, atLeastRevision } = request;
    const least = atLeastRevision === undefined ? 0 : order.momentOf(atLeastRevision);
    if (least === undefined) return { status: 'failed', reason: 'REVISION_LOST' };
    const floorMs = Math.max(order.times[least]!, this.#floorMs(request, replica));
    const askedMs = linearizable ? 0 : (maxStalenessMs ?? STALENESS_MS);
    const newestMs = Math.min(answerMs, order.era.endMs);
    const oldestMs = Math.max(callMs - askedMs, floorMs, order.number > 0 ? order.beganMs : 0);
    if (oldestMs <= newestMs) {
      const momentMs = oldestMs + random() * (newestMs - oldestMs);
      const boundMs = answerMs - momentMs + random() * (momentMs - callMs + askedMs);
      return { ...stateOf(request, order, order.momentAt(momentMs)), degraded: false, boundMs };
    }
    const mayDegrade = !linearizable && maxStalenessMs === undefined && floorMs <= newestMs;
    if (!mayDegrade) return { status: 'failed', reason: 'STORE_UNREACHABLE' };
    const momentMs = floorMs + random() * (newestMs - floorMs);
    return { ...stateOf(request, order, order.momentAt(momentMs)), degraded: true, boundMs: answerMs - momentMs };
  }

  /** When what it must show because this replica has acknowledged it was committed. */
  #floorMs({ method, keys }: Request, { order, acknowledged }: ModelReplica): number {
    let floorMs = 0;
    for (const key of method === 'list' ? acknowledged.keys() : keys) {
      const moment = order.momentOf(acknowledged.get(key) ?? 0n);
      if (moment !== undefined) floorMs = Math.max(floorMs, order.times[moment]!);
    }
    return floorMs;
  }
}

function stateOf({ method, keys, prefix = '' }: Request, order: ModelOrder, moment: number) {
  const found = new Map<string, Found>();
  for (const key of method === 'list' ? order.keys() : keys) {
    const there = key.startsWith(prefix) ? order.find(key, moment) : undefined;
    if (there !== undefined) found.set(key, there);
  }
  return { status: 'ok', revision: order.revisions[moment]!, found } as const;
}
