import { MemoryStore, type MemoryStoreOptions } from '../../src/adapters/memory/store.ts';
import type { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import type { Revision } from '../../src/model/revision.ts';
import type { Chance } from './chance.ts';
import type { Chronicle, Lineage } from './chronicle.ts';
import type { Trace } from './trace.ts';

export interface Server {
  readonly name: string;
  readonly store: MemoryStore;
  readonly lineage: Lineage;
}

export interface ServersOptions {
  readonly world: VirtualClock;
  readonly chance: Chance;
  readonly chronicle: Chronicle;
  readonly trace: Trace;
}

/** The servers that are or were the store's primary. Each promotion makes another one; what it misses is lost. */
export class Servers {
  readonly #options: ServersOptions;
  readonly #former: Server[] = [];
  #count = 1;
  primary: Server;

  constructor(options: ServersOptions) {
    this.#options = options;
    const lineage = options.chronicle.begin('pg1');
    this.primary = { name: 'pg1', store: new MemoryStore(this.#store(lineage, 'pg1')), lineage };
    options.chronicle.first(this.primary.store);
  }

  /** A copy of a server that misses its newest batches. */
  promote(origin: Server, batchesMissed: number): Server {
    const { trace, chronicle } = this.#options;
    const upTo = this.#revisionBefore(origin.store, batchesMissed);
    this.#count += 1;
    const name = `pg${this.#count}`;
    const lineage = origin.lineage.branch(name, upTo);
    const server = { name, store: origin.store.copy(this.#store(lineage, name), upTo), lineage };
    trace.tell(name, () => `is promoted, with what ${origin.name} had up to ${chronicle.short(upTo)}`);
    return server;
  }

  /** The server ends: nothing that comes to it is done any more. */
  async fence(server: Server): Promise<void> {
    server.lineage.ended();
    this.#former.push(server);
    await server.store.close();
  }

  /** One that was the primary before, with all that it had then. */
  anyFormer(): Server | undefined {
    return this.#former.length === 0 ? undefined : this.#options.chance.pick(this.#former);
  }

  /** A batch is one transaction: all of it is lost, or nothing. */
  #revisionBefore(store: MemoryStore, batchesMissed: number): Revision {
    const { log, compactRevision } = store;
    const ends = log.filter(({ batchId }, at) => log[at + 1]?.batchId !== batchId);
    const head = store.head.revision;
    if (batchesMissed === 0 || ends.length === 0) return head;
    return ends[ends.length - 1 - batchesMissed]?.revision ?? compactRevision;
  }

  #store(lineage: Lineage, name: string): MemoryStoreOptions {
    const { world, chance } = this.#options;
    return { clock: world, random: chance.random, incarnation: name, witness: lineage };
  }
}
