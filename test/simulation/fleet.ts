import { MemoryBus, MemoryChannel } from '../../src/adapters/memory/bus.ts';
import { MemorySharedCache, MemoryValkey } from '../../src/adapters/memory/shared-cache.ts';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../src/core/cache/near-cache.ts';
import { CORE_LIMITS, type CoreLimits, type RunningCore, startCore } from '../../src/core/core.ts';
import { StoreError } from '../../src/ports/store.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { CountingTelemetry } from '../core/cluster.ts';
import { Chance } from './chance.ts';
import { Chronicle } from './chronicle.ts';
import { busLine, sharedCacheLine } from './lines.ts';
import { Machine } from './machine.ts';
import { type Server, Servers } from './servers.ts';
import { type LineTrouble, StoreLine } from './store-line.ts';
import { Trace } from './trace.ts';

/** One process that serves, or will. */
export interface Replica {
  readonly name: string;
  readonly machine: Machine;
  readonly bus: MemoryBus;
  readonly telemetry: CountingTelemetry;
  /** Undefined: it is still starting. */
  core: RunningCore | undefined;
}

/** Where one replica after the other runs: each follows on the one that died. */
export interface Place {
  readonly name: string;
  replica: Replica | undefined;
  /** The server that is the primary, as far as is known here. */
  server: Server;
  line: LineTrouble;
  starts: number;
}

export interface FleetOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly trace: ((line: string) => void) | undefined;
}

/** How long a replica waits for the store. */
export const STORE_PATIENCES_MS = [250, 700, 1500];
const STALENESSES_MS = [150, 500, 500];
const NEAR_CACHE_POLICY_NAMES = Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[];

/** Replicas on one store, one Valkey and one bus, on virtual time, each a process that can stop or die at any moment. */
export class Fleet {
  readonly world = new VirtualClock();
  readonly chance: Chance;
  readonly trace: Trace;
  readonly chronicle: Chronicle;
  readonly servers: Servers;
  readonly valkey = new MemoryValkey();
  readonly channel: MemoryChannel;
  readonly places: Place[] = [];
  readonly limits: CoreLimits;
  /** Of anything that should never be: an error that nobody foresaw. */
  readonly defects: { promise: string; kind: string; message: string }[] = [];
  /** Entries found to differ from the store, over all replicas that ever were. */
  readonly #telemetries: CountingTelemetry[] = [];
  readonly #lines: StoreLine[] = [];
  readonly #storePatienceMs: number;
  #over = false;

  constructor({ seed, replicas, trace }: FleetOptions) {
    const { world } = this;
    this.chance = new Chance(seed);
    const { chance } = this;
    // The time without a look at it, which would change it.
    this.trace = new Trace(trace, () => world.wallMs() - VIRTUAL_EPOCH_MS);
    this.chronicle = new Chronicle(() => world.monotonicMs(), this.trace);
    this.servers = new Servers({ world, chance, chronicle: this.chronicle, trace: this.trace });
    this.channel = new MemoryChannel(world);
    this.limits = anyLimits(chance);
    this.#storePatienceMs = chance.pick(STORE_PATIENCES_MS);
    for (let at = 1; at <= replicas; at++) {
      const server = this.servers.primary;
      this.places.push({ name: `r${at}`, replica: undefined, server, line: 'none', starts: 0 });
    }
  }

  get auditInconsistent(): number {
    return this.#telemetries.reduce((sum, telemetry) => sum + telemetry.total('audit_inconsistent'), 0);
  }

  /** Requests to the store that are yet to arrive, those of dead processes too. */
  get onTheWay(): number {
    return this.#lines.reduce((sum, { onTheWay }) => sum + onTheWay, 0);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.setTimer(ms, resolve));
  }

  later(ms: number, run: () => void): void {
    this.world.setTimer(ms, () => {
      if (!this.#over) run();
    });
  }

  defect(promise: string, kind: string, message: string): void {
    this.trace.tell('!!', () => `${promise} ${kind}: ${message}`);
    this.defects.push({ promise, kind, message });
  }

  start(): void {
    for (const place of this.places) this.#start(place);
  }

  /** Nobody starts any more. */
  end(): void {
    this.#over = true;
    for (const { replica } of this.places) replica?.machine.die('at the end');
  }

  #start(place: Place): void {
    const { world, chance, valkey, channel } = this;
    place.starts += 1;
    const name = place.starts === 1 ? place.name : `${place.name}.${place.starts}`;
    const telemetry = new CountingTelemetry();
    this.#telemetries.push(telemetry);
    const bus = new MemoryBus({ channel });
    const machine = new Machine({
      world,
      rate: 1 + chance.between(-RATE_ERROR_MAX, RATE_ERROR_MAX),
      originMs: chance.below(1e6),
      died: (how) => this.#died(place, replica, how),
    });
    const replica: Replica = { name, machine, bus, telemetry, core: undefined };
    place.replica = replica;
    this.trace.tell(name, () => 'starts');
    const line = new StoreLine({
      machine,
      name,
      chance,
      world,
      trace: this.trace,
      server: () => place.server.store,
      trouble: () => place.line,
      patienceMs: this.#storePatienceMs,
    });
    this.#lines.push(line);
    const shared = new MemorySharedCache({ valkey, clock: world });
    startCore({
      store: line.store,
      sharedCache: sharedCacheLine(machine, shared),
      bus: busLine(machine, bus, chance),
      codec: parameterCodec,
      clock: machine.clock,
      random: chance.random,
      telemetry,
      newBatchId: () => chance.hex(32),
      limits: this.limits,
    }).then(
      (core) => {
        replica.core = core;
        this.trace.tell(name, () => `serves from ${this.chronicle.short(core.status().applied)}`);
      },
      (error: unknown) => {
        if (!(error instanceof StoreError)) this.defect('C15', 'start failed', String(error));
        machine.die(`over its start: ${String(error)}`);
      },
    );
  }

  #died(place: Place, { name, bus }: Replica, how: string): void {
    if (this.#over) return;
    this.trace.tell(name, () => `dies ${how}`);
    place.replica = undefined;
    bus.close();
    this.later(this.chance.between(5, 300), () => this.#start(place));
  }
}

const VIRTUAL_EPOCH_MS = 1_790_000_000_000;
/** C5 assumes no more. */
export const RATE_ERROR_MAX = 0.001;

/** Small bounds meet what large ones hide: evictions, overflows, reading again. */
function anyLimits(chance: Chance): CoreLimits {
  return {
    ...CORE_LIMITS,
    stalenessMs: chance.pick(STALENESSES_MS),
    pollIntervalMs: chance.pick([40, 100, 100]),
    idlePollIntervalMs: chance.pick([150, 1000]),
    nearCachePolicy: chance.pick(NEAR_CACHE_POLICY_NAMES),
    nearCacheEntriesMax: chance.pick([3, 1000, 1000]),
    changeSlots: chance.pick([4, 64, 1024]),
    loadsConcurrentMax: chance.pick([1, 8]),
    watchQueueBytesMax: chance.pick([400, 1 << 20]),
    watchRingBytesMax: chance.pick([0, 1500, 1 << 20]),
  };
}
