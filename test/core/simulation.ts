import { expect } from 'chai';
import type { ListRequest, WatchSpec } from '../../src/core/api.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { LogEntry } from '../../src/model/event.ts';
import type { Revision } from '../../src/model/revision.ts';
import { StoreError } from '../../src/ports/store.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { Cluster, setText, textOf, textOfParameter, type WatchReader } from './cluster.ts';

const KEYS = ['a', 'b', 'a:1', 'a:2', 'c'];
const STALENESS_MS = 500;

interface Client {
  /** The last revision it saw: carried along (C3). */
  seen: Revision;
}

interface Follower {
  readonly reader: WatchReader;
  readonly spec: Partial<WatchSpec>;
  readonly from: Revision;
}

/** What a read may show: of each key the values it had, and since when. */
type Timeline = Map<string, { atMs: number; text: string | undefined }[]>;

/**
 * One random history: replicas, clients and watches while announcements are lost, doubled, delayed and reordered, Valkey
 * fails and forgets, the store comes and goes and loses commits. Every answer is checked against what really was.
 */
export async function simulate(seed: number, steps: number): Promise<void> {
  const simulation = new Simulation(await Cluster.start({ replicas: 3, seed }));
  for (let step = 0; step < steps; step++) await simulation.step();
  await simulation.settle();
}

class Simulation {
  readonly #cluster: Cluster;
  readonly #clients: Client[] = [{ seen: 0n }, { seen: 0n }, { seen: 0n }];
  readonly #timeline: Timeline = new Map(KEYS.map((key) => [key, [{ atMs: 0, text: undefined }]]));
  /** Every entry that was ever in the log, lost ones too. */
  readonly #written = new Map<Revision, LogEntry>();
  /** Every epoch that ever was, with the revisions before it that it kept. */
  readonly #eras: { id: string; startRevision: Revision; kept: ReadonlySet<Revision> }[] = [];
  /** By replica and key: what it has acknowledged since the last loss. */
  #acknowledged = new Map<string, Revision>();
  #followers: Follower[] = [];
  readonly #pending = new Set<Promise<void>>();
  /** History is compacted in this one; request ids, which would keep it, are not used then. */
  readonly #compacts: boolean;
  /** Of the first check that did not hold. */
  #failure: unknown;
  #values = 0;
  #incarnations = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { random } = cluster;
    this.#compacts = random() < 0.4;
    cluster.channel.route = () => {
      const chance = random();
      if (chance < 0.15) return [];
      if (chance < 0.25) return [random() * 50, random() * 50];
      return chance < 0.6 ? [random() * 30] : [0];
    };
    cluster.delay = (_call, phase) => {
      this.#record();
      if (phase === 'answer' && random() < 0.3) return this.#sleep(random() * 40);
      return random() < 0.3 ? this.#sleep(random() * 10) : undefined;
    };
  }

  async step(): Promise<void> {
    const { random, clock } = this.#cluster;
    const chance = random();
    if (chance < 0.3) this.#launch(this.#write());
    else if (chance < 0.65) this.#launch(this.#read());
    else if (chance < 0.75) this.#launch(this.#readMany());
    else if (chance < 0.8) this.#watch();
    else if (chance < 0.84) this.#unwatch();
    else if (chance < 0.93) this.#breakSomething();
    else if (chance < 0.97) this.#launch(this.#list());
    else if (this.#compacts) this.#launch(this.#compact());
    await clock.advance(random() < 0.1 ? random() * 600 : random() * 20);
    this.#record();
    this.#refuse();
  }

  #refuse(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All faults heal; then everything agrees. */
  async settle(): Promise<void> {
    const { clock, store, valkey, channel, replicas } = this.#cluster;
    store.fail('none');
    valkey.mode = 'working';
    channel.route = () => [0];
    this.#cluster.delay = () => undefined;
    for (const { bus } of replicas) bus.connect();
    await clock.advance(15_000);
    await Promise.all(this.#pending);
    this.#refuse();
    this.#record();
    for (const replica of replicas) {
      for (const key of KEYS) {
        const current = textOfParameter(store.current.get(key));
        expect(await this.#cluster.run(replica.text(key)), `${key} after everything healed`).to.equal(current);
      }
      expect(replica.telemetry.total('audit_inconsistent')).to.equal(0);
      expect((await this.#cluster.run(replica.core.audit())).inconsistent, 'audit').to.equal(0);
    }
    for (const follower of this.#followers) this.#checkFollower(follower, true);
    await this.#cluster.stop();
  }

  #launch(work: Promise<void>): void {
    const pending = work
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async #write(): Promise<void> {
    const at = this.#pick(this.#cluster.replicas.length);
    const replica = this.#cluster.replicas[at]!;
    const keys = KEYS.filter(() => this.#cluster.random() < 0.3);
    if (keys.length === 0) keys.push(KEYS[this.#pick(KEYS.length)]!);
    const isDelete = this.#cluster.random() < 0.2;
    const onlyLabels = this.#cluster.random() < 0.15;
    const operations = keys.map((key) => {
      if (isDelete) return { type: 'delete', key, allowMissing: true } as const;
      const set = setText(key, String(++this.#values));
      return onlyLabels ? { ...set, value: undefined, labels: new Map([['n', String(this.#values)]]) } : set;
    });
    const requestId = this.#compacts ? '' : `r${this.#values}-${this.#pick(1e9)}`;
    const losses = this.#incarnations;
    try {
      const { revision } = await replica.write(operations, { requestId });
      this.#record();
      if (losses !== this.#incarnations) return;
      for (const key of keys) this.#acknowledge(at, key, revision);
      this.#clients[at]!.seen = revision;
    } catch (error) {
      expectFailure(error, ['STORE_UNREACHABLE', 'OUTCOME_UNKNOWN', ...(onlyLabels ? ['INVALID_FIELD'] : [])]);
    }
  }

  async #read(): Promise<void> {
    const at = this.#pick(this.#cluster.replicas.length);
    const replica = this.#cluster.replicas[at]!;
    const client = this.#clients[this.#pick(this.#clients.length)]!;
    const key = KEYS[this.#pick(KEYS.length)]!;
    const mode = this.#pick(4);
    const atLeastRevision = mode === 1 ? client.seen : undefined;
    const startedAtMs = this.#cluster.clock.monotonicMs();
    const floor = this.#acknowledged.get(`${at} ${key}`) ?? 0n;
    const losses = this.#incarnations;
    try {
      const read = await replica.get(key, { atLeastRevision, linearizable: mode === 2 });
      this.#record();
      const { revision, degraded } = read.freshness;
      const text = textOf(read.parameter);
      this.#checkRevision(key, text, revision);
      const sinceMs = mode === 2 ? startedAtMs : startedAtMs - STALENESS_MS;
      if (!degraded) this.#checkWindow(key, text, sinceMs);
      else expect(mode, 'C7').to.not.equal(2);
      if (losses !== this.#incarnations) return;
      expect(revision >= floor, `C1: ${key} at ${revision}, acknowledged ${floor}`).to.equal(true);
      if (atLeastRevision !== undefined) expect(revision >= atLeastRevision, 'C2').to.equal(true);
      if (atLeastRevision !== undefined) client.seen = revision;
    } catch (error) {
      const failure = expectFailure(error, ['STORE_UNREACHABLE', 'CONSISTENCY_NOT_MET', 'REVISION_LOST']);
      if (failure.reason !== 'REVISION_LOST') return;
      expect(this.#incarnations, 'lost without a loss').to.be.greaterThan(0);
      client.seen = 0n;
    }
  }

  async #readMany(): Promise<void> {
    const replica = this.#cluster.replicas[this.#pick(this.#cluster.replicas.length)]!;
    const startedAtMs = this.#cluster.clock.monotonicMs();
    try {
      const many = await replica.core.getMany(KEYS, { linearizable: false }, replica.call());
      this.#record();
      const texts = new Map<string, string | undefined>(many.missingKeys.map((key) => [key, undefined]));
      const present = KEYS.filter((key) => !texts.has(key));
      for (const [at, key] of present.entries()) texts.set(key, textOf(many.parameters[at]!));
      for (const [key, text] of texts) {
        this.#checkRevision(key, text, many.freshness.revision);
        if (!many.freshness.degraded) this.#checkWindow(key, text, startedAtMs - STALENESS_MS);
      }
    } catch (error) {
      expectFailure(error, ['STORE_UNREACHABLE', 'CONSISTENCY_NOT_MET']);
    }
  }

  /** Pages of two, each from any replica: all of one state. */
  async #list(): Promise<void> {
    const { replicas, clock } = this.#cluster;
    const at = this.#pick(replicas.length);
    const startedAtMs = clock.monotonicMs();
    const floors = [...this.#acknowledged].flatMap(([name, revision]) => (name.startsWith(`${at} `) ? [revision] : []));
    const losses = this.#incarnations;
    const listed = new Map<string, string | undefined>();
    let cursor: ListRequest['cursor'];
    let revision = 0n;
    try {
      do {
        const replica = replicas[cursor === undefined ? at : this.#pick(replicas.length)]!;
        const request = { prefix: '', consistency: { linearizable: false }, limit: 2, keysOnly: false, cursor };
        const page = await replica.core.list(request, replica.call());
        this.#record();
        for (const encoded of page.parameters) listed.set(parameterCodec.decode(encoded).key, textOf(encoded));
        revision = page.freshness.revision;
        if (cursor === undefined) {
          if (losses === this.#incarnations) for (const floor of floors) expect(revision >= floor, 'C1').to.equal(true);
          for (const key of listed.keys()) this.#checkWindow(key, listed.get(key), startedAtMs);
        }
        cursor = page.next;
      } while (cursor !== undefined);
      for (const key of KEYS) this.#checkRevision(key, listed.get(key), revision);
    } catch (error) {
      expectFailure(error, ['STORE_UNREACHABLE', 'CONSISTENCY_NOT_MET', 'REVISION_LOST', 'REVISION_COMPACTED']);
    }
  }

  /** All but the newest history. */
  async #compact(): Promise<void> {
    try {
      await this.#cluster.store.upkeep.compact(this.#pick(1_000));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #watch(): void {
    const { replicas, random } = this.#cluster;
    const replica = replicas[this.#pick(replicas.length)]!;
    const head = replica.core.status().applied;
    const epochStart = (head >> 40n) << 40n;
    const from = random() < 0.5 || head - epochStart > 5_000n ? 0n : 1n;
    const spec = { prefixes: [random() < 0.5 ? '' : 'a'], startRevision: from, sendInitial: random() < 0.4 };
    this.#followers.push({ reader: replica.watch(spec), spec, from });
  }

  #unwatch(): void {
    const follower = this.#followers.shift();
    if (follower === undefined) return;
    follower.reader.close();
    this.#checkFollower(follower, false);
  }

  #breakSomething(): void {
    const { store, valkey, replicas, random, clock } = this.#cluster;
    const bus = replicas[this.#pick(replicas.length)]!.bus;
    const faults = [
      () => store.fail(random() < 0.5 ? 'unreachable' : 'hang'),
      () => store.fail('ambiguous-after-commit'),
      () => store.fail('none'),
      () => store.fail('none'),
      () => {
        valkey.mode = random() < 0.5 ? 'failing' : 'frozen';
      },
      () => {
        valkey.mode = 'working';
        if (random() < 0.3) valkey.load(this.#dump);
        this.#dump = valkey.dump();
      },
      () => (random() < 0.5 ? bus.disconnect() : bus.deafen()),
      () => bus.connect(),
      () => (random() < 0.3 ? this.#lose() : clock.jumpWall((random() - 0.3) * 5_000)),
    ];
    faults[this.#pick(faults.length)]!();
  }

  #dump: ReturnType<Cluster['valkey']['dump']> = new Map();

  /** A failover: sometimes commits are lost. */
  #lose(): void {
    const { store } = this.#cluster;
    this.#record();
    // A batch is one transaction: all of it is lost, or nothing.
    const ends = store.log.filter(({ batchId }, at) => store.log[at + 1]?.batchId !== batchId);
    const kept = ends[Math.max(0, ends.length - 1 - this.#pick(4))]?.revision ?? store.compactRevision;
    this.#incarnations += 1;
    store.crash({ loseAfter: kept });
    store.setIncarnation(`incarnation ${this.#incarnations}`);
    this.#acknowledged = new Map();
    this.#record();
  }

  /** What the store has now, into the timeline. Called whenever it may have changed. */
  #record(): void {
    const { store, clock } = this.#cluster;
    const epoch = store.knownEpochs.at(-1)!;
    if (!this.#eras.some(({ id }) => id === epoch.id)) {
      const compacted = this.#eras.length === 0 ? [] : this.#order(store.compactRevision);
      const kept = [...compacted, ...store.log].map(({ revision }) => revision);
      const before = kept.filter((revision) => revision < epoch.startRevision);
      this.#eras.push({ id: epoch.id, startRevision: epoch.startRevision, kept: new Set(before) });
    }
    const known = store.log.findLastIndex(({ revision }) => this.#written.has(revision));
    const newest = store.log[known];
    if (newest !== undefined) {
      const first = this.#written.get(newest.revision)!;
      expect(newest.batchId, `C9: revision ${newest.revision} was issued twice`).to.equal(first.batchId);
    }
    // Several may have come since the last look; each was current for a moment.
    for (const entry of store.log.slice(known + 1)) {
      this.#written.set(entry.revision, entry);
      for (const { key, type, parameter } of entry.events) {
        this.#remember(key, type === 'put' ? textOfParameter(parameter) : undefined, clock.monotonicMs());
      }
    }
    // A failover takes values back.
    for (const key of KEYS) this.#remember(key, textOfParameter(store.current.get(key)), clock.monotonicMs());
  }

  #remember(key: string, text: string | undefined, atMs: number): void {
    const history = this.#timeline.get(key)!;
    if (history.at(-1)!.text !== text) history.push({ atMs, text });
  }

  /** C5: the key had this value at some moment since. */
  #checkWindow(key: string, text: string | undefined, sinceMs: number): void {
    const history = this.#timeline.get(key)!;
    const possible = history.filter((_moment, at) => (history[at + 1]?.atMs ?? Number.POSITIVE_INFINITY) >= sinceMs);
    const message = `C5: ${key} was ${text}, possible ${possible.map((moment) => moment.text)}`;
    expect(
      possible.map((moment) => moment.text),
      message,
    ).to.include(text);
  }

  /** The value is that of the state at the revision that came with it. */
  #checkRevision(key: string, text: string | undefined, revision: Revision): void {
    const entry = this.#order(revision).findLast(({ events }) => events.some((event) => event.key === key));
    const event = entry?.events.find((other) => other.key === key);
    expect(text, `${key} at revision ${revision}`).to.equal(
      textOfParameter(event?.type === 'put' ? event.parameter : undefined),
    );
  }

  /** The entries that make the state at a revision: those that its epoch began with, and its own. */
  #order(revision: Revision): LogEntry[] {
    const era = this.#eras
      .filter(({ startRevision }) => startRevision - 1n <= revision)
      .reduce((newest, other) => (other.startRevision > newest.startRevision ? other : newest));
    return [...this.#written.values()]
      .filter((entry) => era.kept.has(entry.revision) || entry.revision >= era.startRevision)
      .filter((entry) => entry.revision <= revision)
      .sort((x, y) => (x.revision < y.revision ? -1 : 1));
  }

  #checkFollower({ reader, spec, from }: Follower, settled: boolean): void {
    const prefix = spec.prefixes![0]!;
    const got = reader.changes.map((change) => change.split('=')[0]!);
    const revisions = reader.batches.flatMap((batch) => ('revision' in batch ? [batch.revision] : []));
    const last = revisions.at(-1);
    if (last === undefined) return;
    const order = this.#order(last);
    const complete = reader.batches.find((batch) => batch.kind === 'initial-complete');
    if (complete !== undefined) {
      const initial = reader.batches.flatMap((batch) => (batch.kind === 'initial' ? batch.parameters : []));
      const texts = new Map(initial.map((parameter) => [parameter.key, textOfParameter(parameter)]));
      for (const key of KEYS) {
        if (key.startsWith(prefix)) this.#checkRevision(key, texts.get(key), complete.revision);
      }
    }
    const first = complete !== undefined ? complete.revision : from === 0n ? revisions[0]! : from - 1n;
    const expected = order
      .filter((entry) => entry.revision > first)
      .flatMap((entry) => entry.events)
      .filter((event) => event.key.startsWith(prefix))
      .map((event) => `${event.revision} ${event.type} ${event.key}`);
    // A watch that starts from a first change, not from progress, has that change as its first response.
    const firstBatch = reader.batches[0]!;
    const missed = from === 0n && firstBatch.kind === 'changes' ? got.slice(0, firstBatch.groups.flat().length) : [];
    expect(got, 'C10').to.deep.equal([...missed, ...expected]);
    if (reader.failure === undefined) {
      if (settled) expect(last >= (order.at(-1)?.revision ?? 0n), 'C10: a watch fell silent').to.equal(true);
      return;
    }
    const reasons = ['CANCELLED', 'REVISION_LOST', 'STORE_UNREACHABLE', 'CONSISTENCY_NOT_MET'];
    expectFailure(reader.failure, this.#compacts ? [...reasons, 'REVISION_COMPACTED'] : reasons);
  }

  #acknowledge(replica: number, key: string, revision: Revision): void {
    const name = `${replica} ${key}`;
    if (revision > (this.#acknowledged.get(name) ?? 0n)) this.#acknowledged.set(name, revision);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#cluster.clock.setTimer(ms, resolve));
  }

  #pick(below: number): number {
    return Math.floor(this.#cluster.random() * below);
  }
}

function expectFailure(error: unknown, reasons: readonly string[]): ParamdError['failure'] {
  if (!(error instanceof ParamdError)) throw error;
  expect(reasons).to.include(error.failure.reason);
  return error.failure;
}
