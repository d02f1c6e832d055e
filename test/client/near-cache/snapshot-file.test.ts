import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { NearCache, NearCacheSettings } from '../../../src/client/index.ts';
import { Contents } from '../../../src/client/near-cache/contents.ts';
import { openNearCache } from '../../../src/client/near-cache/open-near-cache.ts';
import type { Snapshot } from '../../../src/client/near-cache/snapshot-file.ts';
import { SnapshotKeeper } from '../../../src/client/near-cache/snapshot-keeper.ts';
import { eventually } from '../../e2e/eventually.ts';
import {
  changes,
  put,
  type ScriptedClient,
  scriptedClient,
  settled,
  snapshot,
  unavailable,
} from './scripted-client.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';

describe('near cache: snapshot file', () => {
  let folder: string;
  let file: string;
  let time: VirtualTime;
  let client: ScriptedClient;
  let log: string[];
  const opened: NearCache[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'paramd-near-cache-'));
    file = join(folder, 'snapshot');
    time = virtualTime();
    log = [];
  });
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As in a new process: another client, of which nothing came yet. */
  function open(settings: Partial<NearCacheSettings> = {}): NearCache {
    client = scriptedClient();
    const all = { prefixes: ['app:'], snapshotFile: file, log: (line: string) => log.push(line), ...settings };
    const cache = openNearCache(client, all, time);
    opened.push(cache);
    return cache;
  }

  const VALUES = {
    'app:s': 'text é 🙂',
    'app:empty': '',
    'app:i': -(2n ** 63n),
    'app:d': -0.25,
    'app:b': false,
    'app:x': Buffer.from([0, 255]),
    'app:t': { durationNs: -1n },
    'app:l': ['a', ''],
    'app:j': { json: '[ 1 ]' },
  };

  /** By a process that had these. */
  async function write(values: Parameters<typeof snapshot>[1] = VALUES, settings: Partial<NearCacheSettings> = {}) {
    const cache = open(settings);
    await client.watching.push(snapshot(7n, values));
    await cache.close();
    return readFile(file);
  }

  it('lets a process start where no server can be reached, and heals', async () => {
    await write();
    const cache = open();
    expect(cache.source).to.equal('SNAPSHOT');
    expect(Object.fromEntries(cache.entries())).to.deep.equal(VALUES);
    expect(cache.detail('boolean', 'app:b', true)).to.deep.equal({
      value: false,
      reason: 'SNAPSHOT',
      revision: 7n,
      stalenessBoundMs: undefined,
      degraded: true,
    });
    expect(cache.detail('boolean', 'app:none', true)).to.include({ reason: 'MISSING', degraded: true });
    const [soon, late] = [cache.ready(), cache.ready({ timeoutMs: 200 })];
    await time.advance(200);
    expect(await late, 'nothing is heard of the servers').to.equal('SNAPSHOT');
    client.watching.settings.onBroken?.(unavailable(), 100);
    await client.check.fail(unavailable());
    expect(await soon, 'none can be reached').to.equal('SNAPSHOT');
    await time.advance(300); // another check

    const told: string[] = [];
    cache.onChange({ prefix: '' }, ({ key }) => told.push(key));
    expect(client.watching.settings.fromRevision, 'the file may be of another store').to.equal(undefined);
    await client.check.answer(3n);
    await client.watching.push(snapshot(3n, { ...VALUES, 'app:s': 'new' }));
    expect(await cache.ready()).to.equal('CACHE');
    expect(told).to.deep.equal(['app:s']);
    expect(cache.detail('string', 'app:s', '')).to.include({ value: 'new', reason: 'CACHE', degraded: false });
  });

  it('is for nobody else to read, and nothing else is left', async () => {
    await write();
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder)).to.deep.equal(['snapshot']);
  });

  it('is ignored if a byte of it is altered or missing, whichever', async () => {
    const good = await write();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, bits, cut) => {
          const bad = Buffer.from(cut ? good.subarray(0, at) : good);
          if (!cut) bad[at]! ^= bits;
          await writeFile(file, bad);
          log = [];
          const cache = open();
          expect([cache.source, cache.size]).to.deep.equal(['NOT_READY', 0]);
          expect(log).to.have.length(1);
          expect(log[0]).to.match(
            /^near cache: snapshotFile .* is ignored, and written anew later: its checksum is wrong/,
          );
          await cache.close();
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('is used if it covers the prefixes, and only what is under them', async () => {
    await write({ 'app:a': 1n, 'app:b:c': 2n }, { prefixes: ['app:', 'other:'] });
    expect([...open({ prefixes: ['app:b'] }).entries()]).to.deep.equal([['app:b:c', 2n]]);
    expect(open({ prefixes: ['app:', 'third:'] }).source).to.equal('NOT_READY');
    expect(log.at(-1)).to.include('it has other prefixes: ["app:","other:"]');
  });

  it('is written after the first load, then now and then, and at the end', async () => {
    const cache = open();
    await client.watching.push(snapshot(1n, { 'app:n': 1n }));
    const written = async (revision: bigint) => (await readFile(file, 'latin1')).includes(`"revision":"${revision}"`);
    await eventually(() => written(1n).catch(() => false));
    // The write that is done is noticed a moment later.
    for (let revision = 2n; revision < 50n; revision++) {
      await client.watching.push(changes(put('app:n', revision, revision)));
      await time.advance(100);
    }
    expect(await written(1n)).to.equal(true);
    await eventually(async () => {
      await time.advance(1_000);
      return written(49n);
    });
    await client.watching.push({ kind: 'progress', revision: 60n });
    await time.advance(60_000);
    expect(await written(49n), 'nothing has changed').to.equal(true);
    await client.watching.push(changes(put('app:n', 0n, 61n)));
    await cache.close();
    expect(await written(61n)).to.equal(true);
  });

  it('is written by one writer at a time', async () => {
    const begun: bigint[] = [];
    let finish = () => {};
    const write = (_path: string, { revision }: Snapshot) => {
      begun.push(revision);
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    };
    const contents = new Contents();
    const keeper = new SnapshotKeeper({ path: file, prefixes: ['app:'], contents, clock: time, log: () => {}, write });
    const change = async () => {
      contents.advance(contents.revision + 1n);
      keeper.changed();
      await time.advance(60_000);
    };
    for (let i = 0; i < 3; i++) await change();
    expect(begun, 'the first writer runs').to.deep.equal([1n]);
    finish();
    await time.advance(60_000);
    expect(begun, 'the next one has what came since').to.deep.equal([1n, 3n]);
    await change();
    const closed = keeper.close();
    await time.advance(60_000);
    expect(begun, 'the last one waits as well').to.deep.equal([1n, 3n]);
    finish();
    await settled();
    expect(begun).to.deep.equal([1n, 3n, 4n]);
    finish();
    await closed;
  });

  it('is not replaced by a process that has reached no server', async () => {
    const good = await write();
    await open().close();
    expect(await readFile(file)).to.deep.equal(good);
  });

  it('of writers that were killed is removed, of one that runs is not', async () => {
    const gone = 2 ** 22 + 1; // beyond any process number
    const others = [`snapshot.${process.ppid}-0a.tmp`, 'snapshot.1.tmp', 'snapshots.5-0a.tmp', 'snapshot'];
    for (const name of [`snapshot.${gone}-0a.tmp`, `snapshot.${process.pid}-0b.tmp`, ...others.slice(0, 3)]) {
      await writeFile(join(folder, name), 'half');
    }
    await write();
    expect((await readdir(folder)).sort()).to.deep.equal(others.sort());
  });

  it('that cannot be written is one line, and the cache works on; later it can', async () => {
    const below = join(folder, 'below');
    await mkdir(below);
    const cache = open({ snapshotFile: join(below, 'snapshot') });
    await rm(below, { recursive: true });
    client.head = 1n;
    await client.watching.push(snapshot(1n, { 'app:n': 1n }));
    await eventually(() => log.length > 0);
    expect(log[0]).to.match(/cannot be written: ENOENT.*; make its folder writable/);
    expect(cache.number('app:n', 0)).to.equal(1);
    const again = async (found: () => boolean) => {
      await client.watching.push(changes(put('app:n', cache.revision + 1n, cache.revision + 1n)));
      await time.advance(12_000);
      return found();
    };
    for (let i = 0; i < 5; i++) await again(() => true);
    await mkdir(below);
    await eventually(() => again(() => log.some((line) => line.includes('can be written again'))));
    expect(log.filter((line) => line.includes('cannot be written'))).to.have.length(1);
  });

  it('holds a large state', async function () {
    this.timeout(30_000);
    const values = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`app:${i}`, `${i}`.repeat(10)]));
    await write(values);
    const cache = open();
    expect(cache.size).to.equal(20_000);
    expect(cache.string('app:19999', '')).to.equal('19999'.repeat(10));
  });
});
