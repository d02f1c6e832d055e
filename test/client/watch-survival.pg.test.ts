import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { connect, Event_Type, type ParamdClient, type WatchItem, type WatchSettings } from '../../src/client/index.ts';
import { campaignMs, eventually, repeating } from '../e2e/eventually.ts';
import { type Fleet, type ReplicaProcess, startFleet } from '../e2e/replicas.ts';
import { query } from '../e2e/watch-checker.ts';

const SERVED_MS = 1000;

/** One acknowledged operation. The writer is alone, so its list is the truth. */
interface Written {
  readonly revision: bigint;
  readonly key: string;
  readonly deleted: boolean;
}

// A server that lives for a second at a time is all that these watches ever see; writes go through a steady replica.
// PARAMD_TEST_CAMPAIGN=15 makes it a minute of kills each; npm run test:survival is the first of them.
describe('a watch of the client over a server that is killed again and again', function () {
  const lastingMs = campaignMs(4_000);
  this.timeout(lastingMs * 3 + 60_000);
  let fleet: Fleet;
  let writer: ParamdClient;
  const present = new Set<string>();
  before(async () => {
    fleet = await startFleet({ count: 1 });
    writer = connect({ target: fleet.replicas[0]!.target, carryRevision: false });
  });
  after(async () => {
    writer?.close();
    await fleet?.close();
  });

  it('C10: has no gap and no double, and previous values that fit', async () => {
    const seen = await survive(lastingMs, {
      watch: { previous: true },
      whileDead: async () => {},
    });
    const bookmark = seen.items.at(-1)!.revision;
    const due = seen.written.filter(({ revision }) => revision > seen.from && revision <= bookmark);
    expect(eventsOf(seen.items).map(plain)).to.deep.equal(due.map(plain));
    const previous = new Map<string, bigint>();
    for (const { key, revision, deleted, before } of eventsOf(seen.items)) {
      if (previous.has(key)) expect(before, `${key} before ${revision}`).to.equal(previous.get(key));
      previous.set(key, deleted ? 0n : revision);
    }
    expect(seen.breaks, 'the server was killed in the middle').to.be.greaterThan(lastingMs / SERVED_MS / 4);
  });

  it('C10: has the true state at every revision it tells, under compaction', async () => {
    const seen = await survive(lastingMs, {
      watch: { initial: true },
      whileDead: async () => {
        await query(fleet.databaseUrl, 'UPDATE paramd.head SET compact_revision = revision - 1');
        await query(fleet.databaseUrl, 'DELETE FROM paramd.change WHERE revision < (SELECT revision FROM paramd.head)');
      },
    });
    expectTrueStates(seen);
    expect(seen.items.filter(({ kind }) => kind === 'snapshot').length, 'snapshots').to.be.greaterThan(1);
  });

  it('C9, C10: has the true state at every revision it tells, over new epochs', async () => {
    let epochs = 0;
    const seen = await survive(lastingMs, {
      watch: { initial: true },
      whileDead: async () => {
        await query(
          fleet.databaseUrl,
          `WITH h AS (SELECT * FROM paramd.head FOR UPDATE) SELECT paramd.start_epoch(e.number, e.id, h.revision, 1000)
            FROM h JOIN paramd.epoch e ON e.number = h.epoch_number`,
        );
        epochs++;
      },
    });
    expectTrueStates(seen);
    expect(epochs).to.be.greaterThan(1);
    expect(new Set(seen.items.map(({ revision }) => revision >> 40n)).size, 'epochs seen').to.be.greaterThan(1);
  });

  /** Watches and writes until the time is over, and until the watch has told of the last write. */
  async function survive(
    forMs: number,
    { watch, whileDead }: { watch: WatchSettings; whileDead: () => Promise<void> },
  ): Promise<Seen> {
    const written: Written[] = [];
    let allWritten = false;
    const server = await mortalServer(fleet, async () => {
      const before = written.length;
      await eventually(() => written.length > before + 3 || allWritten);
      if (!allWritten) await whileDead();
    });
    const client = connect({ target: server.target });
    const leave = new AbortController();
    const items: WatchItem[] = [];
    let breaks = 0;
    let writing: ReturnType<typeof repeating> | undefined;
    const settings = { ...watch, progressIntervalMs: 100, signal: leave.signal, onBroken: () => void breaks++ };
    const watching = (async () => {
      for await (const item of client.watch({ prefixes: ['s:'] }, settings)) items.push(item);
    })().catch((error: unknown) => {
      if (!leave.signal.aborted) throw error;
    });
    try {
      await Promise.race([eventually(() => items.length > 0), watching]);
      writing = repeating(async (count) => void written.push(await write(count)));
      await Promise.race([sleep(forMs), watching, server.ended]);
      await writing.stop();
      allWritten = true;
      const last = written.at(-1)!.revision;
      await Promise.race([eventually(() => items.at(-1)!.revision >= last, 30_000), watching]);
      return { items, written, from: items[0]!.revision, breaks };
    } finally {
      leave.abort();
      await watching;
      client.close();
      await server.end();
      await writing?.stop();
    }
  }

  async function write(count: number): Promise<Written> {
    const key = `s:${count % 37}`;
    if (count % 5 === 4 && present.delete(key)) {
      return { revision: await writer.delete(key, { timeoutMs: 20_000 }), key, deleted: true };
    }
    present.add(key);
    const { revision } = await writer.set(key, BigInt(count), { timeoutMs: 20_000 });
    return { revision, key, deleted: false };
  }
});

interface MortalServer {
  readonly target: string;
  /** Rejects if it cannot be started again. */
  readonly ended: Promise<void>;
  end(): Promise<void>;
}

interface Seen {
  readonly items: readonly WatchItem[];
  readonly written: readonly Written[];
  /** Where the watch began. */
  readonly from: bigint;
  readonly breaks: number;
}

/** Always at the same address; killed with -9 a second after it serves, and started again. */
async function mortalServer(fleet: Fleet, whileDead: () => Promise<void>): Promise<MortalServer> {
  const first = await fleet.spawn();
  const { target } = first;
  const lives = repeating(async (count) => {
    const life: ReplicaProcess = count === 0 ? first : await fleet.spawn({ PARAMD_LISTEN: target });
    await sleep(SERVED_MS);
    life.process.kill('SIGKILL');
    await life.ended;
    life.close();
    await whileDead();
  });
  return { target, ended: lives.ended, end: () => lives.stop() };
}

function eventsOf(items: readonly WatchItem[]) {
  return items.flatMap((item) =>
    item.kind !== 'changes'
      ? []
      : item.events.map(({ parameter, previous, revision, type }) => ({
          revision,
          key: parameter!.key,
          deleted: type === Event_Type.TYPE_DELETE,
          before: previous?.revision ?? 0n,
        })),
  );
}

function plain({ revision, key, deleted }: Written): string {
  return `${revision} ${deleted ? 'delete' : 'put'} ${key}`;
}

/** What the items say, put together, is at each of their revisions what was written up to it. */
function expectTrueStates({ items, written }: Seen): void {
  const told = new Map<string, bigint>();
  const truth = new Map<string, bigint>();
  const rest = [...written];
  let bookmark = 0n;
  let base: Map<string, bigint> | undefined;
  for (const item of items) {
    if (item.kind === 'snapshot') {
      told.clear();
      for (const { key, revision } of item.parameters) told.set(key, revision);
      base ??= new Map(told);
    } else {
      expect(item.revision >= bookmark, `${item.revision} after ${bookmark}`).to.equal(true);
    }
    if (item.kind === 'changes') {
      for (const { key, revision, deleted } of eventsOf([item])) {
        expect(revision > bookmark, `${revision} after ${bookmark}`).to.equal(true);
        if (deleted) told.delete(key);
        else told.set(key, revision);
      }
    }
    bookmark = item.revision;
    if (truth.size === 0) for (const [key, revision] of base ?? []) truth.set(key, revision);
    while (rest[0] !== undefined && rest[0].revision <= bookmark) {
      const { key, revision, deleted } = rest.shift()!;
      if (deleted) truth.delete(key);
      else truth.set(key, revision);
    }
    expect(sorted(told), `at ${bookmark}`).to.deep.equal(sorted(truth));
  }
}

function sorted(state: ReadonlyMap<string, bigint>): string[] {
  return [...state].map(([key, revision]) => `${key} @${revision}`).sort();
}
