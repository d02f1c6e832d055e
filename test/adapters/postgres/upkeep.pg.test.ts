import { expect } from 'chai';
import { commit, done, HOUR_MS, set, WHOLE, wholeLog, write } from '../../contract/store-subject.ts';
import type { PostgresSubject } from './postgres-subject.ts';
import { openSubject } from './postgres-subject.ts';

describe('upkeep of PostgreSQL', () => {
  let subject: PostgresSubject;
  beforeEach(async () => {
    subject = await openSubject({ partitionRevisions: 10 });
  });
  afterEach(() => subject.close());

  const partitions = async () =>
    (await subject.sql('SELECT lower, upper FROM paramd.change_partition ORDER BY lower')) as {
      lower: string;
      upper: string;
    }[];

  /** A log over several small partitions. The first migration makes one of a million: it is cut short. */
  async function grow(revisions: number): Promise<void> {
    await subject.sql('DROP TABLE paramd.change_1');
    for (let n = 0; n < revisions; n++) {
      await done(subject.store, set('a', String(n)));
      await subject.store.upkeep.extend();
    }
  }

  it('makes partitions ahead of the head, of the size asked for, without a gap', async () => {
    await grow(25);
    const bounds = await partitions();
    for (const [index, { lower, upper }] of bounds.entries()) {
      expect(BigInt(upper) - BigInt(lower)).to.equal(10n);
      if (index > 0) expect(lower).to.equal(bounds[index - 1]!.upper);
    }
    expect(Number(bounds.at(-1)!.upper)).to.be.at.least(25 + 10);
  });

  it('drops whole partitions and deletes the rest (several replicas at once)', async () => {
    await grow(25);
    await subject.age(2 * HOUR_MS);
    await done(subject.store, set('a', 'new'));
    const other = await subject.another();
    const results = await Promise.all([subject.store, other].map((store) => store.upkeep.compact(HOUR_MS)));
    expect(results.map(({ compactRevision }) => compactRevision)).to.deep.equal([25n, 25n]);
    expect(results.reduce((sum, { dropped }) => sum + dropped, 0)).to.equal(25);
    expect((await partitions()).map(({ lower }) => lower)[0]).to.equal('21');
    const tables = await subject.sql(`SELECT relname FROM pg_class WHERE relname ~ '^change_\\d+$'`);
    expect(tables.length, 'no table is left behind').to.equal((await partitions()).length);
    expect((await wholeLog(subject.store, 25n)).map(({ revision }) => revision)).to.deep.equal([26n]);
  });

  it('drops the partition that a crash left detached', async () => {
    await grow(25);
    await subject.sql('ALTER TABLE paramd.change DETACH PARTITION paramd.change_1');
    await subject.age(2 * HOUR_MS);
    await subject.store.upkeep.compact(HOUR_MS);
    expect(await subject.sql(`SELECT 1 FROM pg_class WHERE relname = 'change_1'`)).to.deep.equal([]);
  });

  it('goes on in small partitions after an epoch change', async () => {
    await grow(3);
    const { epoch } = await subject.store.startEpoch((await subject.store.readHead()).epoch, 3n);
    const first = epoch.startRevision;
    expect((await partitions()).some(({ lower }) => BigInt(lower) === first)).to.equal(true);
    for (let n = 0; n < 45; n++) await done(subject.store, set('a', String(n)));
    expect((await wholeLog(subject.store)).length).to.equal(48);
    await subject.age(2 * HOUR_MS);
    expect((await subject.store.upkeep.compact(HOUR_MS)).dropped).to.equal(48);
  });

  it('does not stop readers and writers', async () => {
    await grow(25);
    await subject.age(2 * HOUR_MS);
    let compacting = true;
    const compaction = subject.store.upkeep.compact(HOUR_MS).finally(() => {
      compacting = false;
    });
    while (compacting) {
      await commit(subject.store, write(set('b', 'x')));
      await subject.store.readLog({ ...WHOLE, after: 25n });
      await subject.store.list({ prefix: '', limit: 10, bytesMax: 1000, keysOnly: false, asOf: 25n });
    }
    expect((await compaction).compactRevision).to.equal(25n);
  });

  it('trims many at once', async () => {
    await subject.sql(`
      INSERT INTO paramd.request SELECT 'p', 'r' || n, '\\x00', 1, false, '{}', 0 FROM generate_series(1, 12000) n;
      INSERT INTO paramd.batch SELECT 'b' || n, '', '', 1, 1, 0, '[]' FROM generate_series(1, 12000) n`);
    expect(await subject.store.upkeep.trim()).to.deep.equal({ requests: 12_000, batches: 12_000 });
  });
});
