import { MemoryBus, MemoryChannel } from '../../src/adapters/memory/bus.ts';
import { MemorySharedCache, MemoryValkey } from '../../src/adapters/memory/shared-cache.ts';
import { MemoryStore, type StoreCall } from '../../src/adapters/memory/store.ts';
import { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import type { Call, Consistency, Read, WatchBatch, WatchSpec, Written } from '../../src/core/api.ts';
import { CORE_LIMITS, type CoreLimits, type RunningCore, startCore } from '../../src/core/core.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import type { Operation, Write } from '../../src/model/write.ts';
import type { Counter, Histogram, Telemetry } from '../../src/ports/telemetry.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { seededRandom } from '../support/seeded-random.ts';

export interface Replica {
  readonly core: RunningCore;
  readonly bus: MemoryBus;
  readonly shared: MemorySharedCache;
  readonly telemetry: CountingTelemetry;
  /** Between this replica and the store. */
  readonly gate: Gate;
  get(key: string, consistency?: Partial<Consistency>, call?: Partial<Call>): Promise<Read>;
  /** The value's text, or undefined if the key does not exist. */
  text(key: string, consistency?: Partial<Consistency>): Promise<string | undefined>;
  set(key: string, text: string, more?: Partial<Write>): Promise<Written>;
  remove(key: string): Promise<Written>;
  write(operations: Operation[], more?: Partial<Write>): Promise<Written>;
  watch(spec: Partial<WatchSpec>): WatchReader;
  call(more?: Partial<Call>): Call;
}

export interface ClusterOptions {
  readonly replicas?: number;
  readonly seed?: number;
  readonly limits?: Partial<CoreLimits>;
  /** Of the store at first. */
  readonly incarnation?: string;
  readonly delay?: (call: StoreCall, phase: 'request' | 'answer') => Promise<void> | undefined;
}

/** Replicas on one store, one Valkey and one channel, all in memory and on virtual time. */
export class Cluster {
  readonly clock = new VirtualClock();
  readonly channel = new MemoryChannel(this.clock);
  readonly valkey = new MemoryValkey();
  readonly random: () => number;
  readonly store: MemoryStore;
  readonly replicas: Replica[] = [];
  /** Set it to hold calls to the store. */
  delay: (call: StoreCall, phase: 'request' | 'answer') => Promise<void> | undefined = () => undefined;

  private constructor(seed: number, incarnation = 'memory-1') {
    this.random = seededRandom(seed);
    this.store = new MemoryStore({
      clock: this.clock,
      random: this.random,
      incarnation,
      delay: (call, phase) => this.delay(call, phase),
    });
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options.seed ?? 1, options.incarnation);
    for (let count = 0; count < (options.replicas ?? 2); count++) await cluster.addReplica(options.limits);
    return cluster;
  }

  async addReplica(limits: Partial<CoreLimits> = {}): Promise<Replica> {
    const { clock, random, store } = this;
    const bus = new MemoryBus({ channel: this.channel });
    const shared = new MemorySharedCache({ valkey: this.valkey, clock });
    const telemetry = new CountingTelemetry();
    const gate = new Gate();
    const core = await clock.until(
      startCore({
        store: withGate(store, gate),
        sharedCache: shared,
        bus,
        codec: parameterCodec,
        clock,
        random,
        telemetry,
        newBatchId: () => hex(random, 32),
        limits: { ...CORE_LIMITS, ...limits },
      }),
    );
    const call = (more: Partial<Call> = {}): Call => ({
      startedAtMs: clock.monotonicMs(),
      deadlineAtMs: clock.monotonicMs() + 5_000,
      signal: new AbortController().signal,
      ...more,
    });
    const write = (operations: Operation[], more: Partial<Write> = {}) =>
      core.write({ ...EMPTY_WRITE, operations, ...more }, call());
    const get = async (key: string, consistency: Partial<Consistency> = {}, more: Partial<Call> = {}) =>
      core.get(key, { linearizable: false, ...consistency }, call(more));
    const replica: Replica = {
      core,
      bus,
      shared,
      telemetry,
      gate,
      call,
      write,
      get,
      text: async (key, consistency) => textOf((await get(key, consistency)).parameter),
      set: (key, text, more) => write([setText(key, text)], more),
      remove: (key) => write([{ type: 'delete', key, allowMissing: false }]),
      watch: (spec) => new WatchReader(core, { ...EVERYTHING, ...spec }, call({ deadlineAtMs: Infinity })),
    };
    this.replicas.push(replica);
    return replica;
  }

  /** Holds the next such call to the store. @returns reached, and what lets it go on */
  hold(name: StoreCall, at: 'request' | 'answer'): { readonly reached: Promise<void>; release(): void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    let held = false;
    this.delay = (call, phase) => {
      if (held || call !== name || phase !== at) return undefined;
      held = true;
      reached.resolve();
      return released.promise;
    };
    return { reached: reached.promise, release: () => released.resolve() };
  }

  /** Lets time pass until it settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise);
  }

  async stop(): Promise<void> {
    this.store.fail('none');
    for (const { core } of this.replicas) await this.run(core.stop());
  }
}

const EMPTY_WRITE = {
  conditions: [],
  requestId: '',
  principal: '',
  actor: 'test',
  contentHash: new Uint8Array(32),
  validateOnly: false,
};

const EVERYTHING: WatchSpec = {
  keys: [],
  prefixes: [''],
  startRevision: 0n,
  sendInitial: false,
  includePrevious: false,
  progressIntervalMs: 10_000,
};

export function setText(key: string, text: string): Operation {
  const value = { kind: 'string_value', encoded: encodeText(text) } as const;
  return { type: 'set', key, value, labels: new Map(), removeLabels: [], allowKindChange: false };
}

/** parameter.v1.Value with string_value. */
function encodeText(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  if (bytes.length > 127) {
    return Buffer.concat([Buffer.from([0x0a, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
  }
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
}

export function textOf(encoded: Uint8Array | null): string | undefined {
  return encoded === null ? undefined : textOfParameter(parameterCodec.decode(encoded));
}

export function textOfParameter(parameter: Parameter | undefined): string | undefined {
  const bytes = parameter?.value?.encoded;
  if (bytes === undefined) return undefined;
  return Buffer.from(bytes.subarray(bytes[1]! & 0x80 ? 3 : 2)).toString();
}

/** Holds what one replica sends to the store, as if the process slept. */
export class Gate {
  /** Calls whose connections have gone astray, and the server that they lead to; for ever, or until one is forsaken. */
  astray: { readonly calls: ReadonlySet<StoreCall>; readonly to: MemoryStore; readonly once?: boolean } | undefined;
  readonly #strayed = new WeakSet<object>();
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open?.();
    this.#opened = undefined;
  }

  pass(): Promise<void> | undefined {
    return this.#opened;
  }

  /** An answer that came from where connections have gone astray to. */
  strayed(answer: object): void {
    this.#strayed.add('head' in answer ? (answer.head as object) : answer);
  }

  forsake(told: object): void {
    if (this.astray?.once && this.#strayed.has(told)) this.astray = undefined;
  }
}

function withGate(store: MemoryStore, gate: Gate): MemoryStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'forsake') return (told: object) => gate.forsake(told);
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...parameters: unknown[]) => {
        await gate.pass();
        const { astray } = gate;
        const server = astray?.calls.has(name as StoreCall) ? astray.to : target;
        const answer: unknown = await (Reflect.get(server, name, server) as typeof member).apply(server, parameters);
        if (server !== target && answer instanceof Object) gate.strayed(answer);
        return answer;
      };
    },
  });
}

/** Collects what a watch sends, always ready for more unless told to stop. */
export class WatchReader {
  readonly batches: WatchBatch[] = [];
  failure: ParamdError | undefined;
  #paused = false;
  #resume: (() => void) | undefined;
  readonly #close: () => void;

  constructor(core: RunningCore, spec: WatchSpec, call: Call) {
    const watch = core.watch(spec, call);
    this.#close = () => watch.close();
    void (async () => {
      try {
        for (;;) {
          this.batches.push(await watch.next());
          if (this.#paused) await new Promise<void>((resolve) => (this.#resume = resolve));
        }
      } catch (error) {
        if (!(error instanceof ParamdError)) throw error;
        this.failure = error;
      }
    })();
  }

  /** Takes no more after the next batch. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#resume?.();
  }

  close(): void {
    this.#close();
  }

  /** `revision type key=text`, of changes only. */
  get changes(): string[] {
    return this.batches.flatMap((batch) =>
      batch.kind !== 'changes'
        ? []
        : batch.groups.flat().map((event) => {
            const text = event.type === 'put' ? `=${textOfParameter(event.parameter)}` : '';
            return `${event.revision} ${event.type} ${event.key}${text}`;
          }),
    );
  }

  get kinds(): string[] {
    return this.batches.map(({ kind }) => kind);
  }
}

export class CountingTelemetry implements Telemetry {
  readonly #totals = new Map<Counter, number>();
  readonly #observed: number[] = [];
  readonly lines: string[] = [];

  add(counter: Counter, by = 1): void {
    this.#totals.set(counter, this.total(counter) + by);
  }

  total(counter: Counter): number {
    return this.#totals.get(counter) ?? 0;
  }

  observe(histogram: Histogram, value: number): void {
    // One of them: the others are observed with every call, and a simulation makes many.
    if (histogram === 'audit_inconsistent_age_seconds') this.#observed.push(value);
  }

  observed(_histogram: 'audit_inconsistent_age_seconds'): readonly number[] {
    return this.#observed;
  }

  log(level: string, message: string): void {
    this.lines.push(`${level} ${message}`);
  }
}

function hex(random: () => number, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
}

/** The failure that a call ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<ParamdError['failure']> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ParamdError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}
