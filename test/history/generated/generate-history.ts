import { seededRandom } from '../../support/seeded-random.ts';
import type { History, Operation } from '../history.ts';
import { EventQueue } from './event-queue.ts';
import { ModelOrder } from './model-order.ts';
import { ModelReader } from './model-reader.ts';
import { generateWatches } from './model-watches.ts';
import { ModelWriter } from './model-writer.ts';

export interface GeneratorOptions {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  readonly replicas: number;
  readonly keys: number;
  /** Each loses some of the newest commits. */
  readonly failovers: number;
  readonly watches: number;
}

/** Parameters that the model shares among its parts. */
export interface Model {
  readonly random: () => number;
  readonly keys: readonly string[];
  /** All eras. The last one is the present one. */
  readonly orders: ModelOrder[];
  readonly replicas: readonly ModelReplica[];
  readonly clients: readonly ModelClient[];
  readonly operations: Operation[];
  readonly queue: EventQueue;
}

export interface ModelReplica {
  readonly name: string;
  /** That it knows of. */
  order: ModelOrder;
  /** By key: the revision that it has acknowledged last. */
  readonly acknowledged: Map<string, bigint>;
}

export interface ModelClient {
  readonly number: number;
  /** The last revision that it was told of. */
  seen: bigint;
}

/** Without other wishes: small, and everything happens in it. */
export const SMALL: Omit<GeneratorOptions, 'seed'> = {
  operations: 400,
  clients: 5,
  replicas: 3,
  keys: 8,
  failovers: 1,
  watches: 12,
};

export const STALENESS_MS = 500;
/** Between the end of an era and the next one nobody answers writes. */
const FAILOVER_MS = 120;
const LOST_MAX = 6;

/**
 * A history as a faultless service would leave it: what happens is decided moment by moment, so every answer has a moment
 * at which it was true.
 */
export function generateHistory(options: GeneratorOptions): History {
  const random = seededRandom(options.seed);
  const first = new ModelOrder(undefined, 0, 0, 1n);
  const model: Model = {
    random,
    keys: Array.from({ length: options.keys }, (_, at) => `${'abc'[at % 3]}:${at}`),
    orders: [first],
    replicas: Array.from({ length: options.replicas }, (_, at) => ({
      name: `r${at}`,
      order: first,
      acknowledged: new Map(),
    })),
    clients: Array.from({ length: options.clients }, (_, number) => ({ number, seen: 0n })),
    operations: [],
    queue: new EventQueue(),
  };
  const spanMs = (options.operations / options.clients) * 9;
  // As many as there is time for.
  const failovers = Math.min(options.failovers, Math.floor(spanMs / (3 * FAILOVER_MS)));
  const faults = Array.from({ length: failovers }, (_, at) => {
    const endMs = (spanMs * (at + 1)) / (failovers + 1);
    model.queue.add(endMs, () => failOver(model, endMs));
    return { name: 'failover', startMs: endMs, healMs: endMs + FAILOVER_MS };
  });
  startClients(model, options.operations);
  model.queue.runAll();
  const watches = generateWatches(model, options.watches);
  const truth = { eras: model.orders.map(({ era }) => era) };
  return { operations: model.operations, watches, truth, faults, stalenessMs: STALENESS_MS };
}

function startClients(model: Model, operations: number): void {
  const { random, queue, clients, replicas } = model;
  const writer = new ModelWriter(model);
  const reader = new ModelReader(model);
  let left = operations;
  const turn = (client: ModelClient, nowMs: number): void => {
    if (left-- <= 0) return;
    const replica = replicas[Math.floor(random() * replicas.length)]!;
    const next = (returnMs: number) => turn(client, returnMs);
    const callMs = nowMs + random() * 5;
    if (random() < 0.35) writer.call(client, replica, callMs, next);
    else {
      const answerMs = callMs + random() * 10;
      queue.add(answerMs, () => next(reader.answer(client, replica, callMs, answerMs)));
    }
  };
  for (const client of clients) turn(client, random() * 10);
}

/** The newest commits are lost, but no part of a batch. */
function failOver({ orders, queue, random }: Model, endMs: number): void {
  const lost = orders.at(-1)!;
  lost.era.endMs = endMs;
  queue.add(endMs + FAILOVER_MS, () => {
    // Sometimes an old backup is all that there is: older than the era that ended, even.
    const lostCount = Math.floor(random() * (random() < 0.2 ? lost.head : LOST_MAX));
    let kept = Math.max(0, lost.head - 1 - lostCount);
    while (kept > 0 && lost.entries[kept]?.batchId === lost.entries[kept + 1]?.batchId) kept -= 1;
    const start = (BigInt(lost.number + 1) << 40n) + BigInt(Math.floor(random() * 1e6));
    orders.push(new ModelOrder(lost, kept, endMs + FAILOVER_MS, start));
  });
}
