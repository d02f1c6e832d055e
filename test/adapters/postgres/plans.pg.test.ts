import { expect } from 'chai';
import pg from 'pg';
import { sessionSettings } from '../../../src/adapters/postgres/lane.ts';
import { LOG } from '../../../src/adapters/postgres/read-log.ts';
import { LIST } from '../../../src/adapters/postgres/read-parameters.ts';
import { done, remove, set, write } from '../../contract/store-subject.ts';
import { eventually } from '../../e2e/eventually.ts';
import type { PostgresSubject } from './postgres-subject.ts';
import { openSubject } from './postgres-subject.ts';

const KEYS = 50_000;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly PlanNode[];
}

/** Statements whose cost is that of their page, in a store that is large and was never analyzed. */
describe('plans', function () {
  this.timeout(60_000);
  let subject: PostgresSubject;
  let client: pg.Client;
  before(async () => {
    subject = await openSubject();
    await done(subject.store, set('k00000', '1'));
    // As if each key had been written twice: half the log before the other half.
    await subject.sql(`
      INSERT INTO paramd.change
      SELECT (round - 1) * ${KEYS} + n, 0, 'b', 0, 'me', 'k' || lpad(n::text, 5, '0'), false, 'string_value', '\\x00',
        n, round, 0, '{}', 0, 'string_value', '\\x00', n, n, 1, 0, 0, 'me', '{}', 0
      FROM generate_series(1, 2) AS round, generate_series(1, ${KEYS}) AS n WHERE (round - 1) * ${KEYS} + n > 1;
      INSERT INTO paramd.current
      SELECT 'k' || lpad(n::text, 5, '0'), 'string_value', '\\x00', ${KEYS} + n, n, 2, 0, 0, 'me', '{}', 0
      FROM generate_series(1, ${KEYS}) AS n;
      UPDATE paramd.head SET revision = 2 * ${KEYS}`);
    client = new pg.Client({ connectionString: subject.url, options: sessionSettings(30_000) });
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await subject?.close();
  });

  const range = ['k02', 'k03'];
  const head = 2 * KEYS;
  const cases: [string, string, unknown[]][] = [
    ['a page now', LIST.now['>='], [...range, 100, 1 << 20, false]],
    ['a page as of a moment ago', LIST.asOf['>'], ['k02500', 'k03', 100, 1 << 20, false, head - 10]],
    ['a page as of long ago', LIST.asOf['>'], ['k02500', 'k03', 100, 1 << 20, false, KEYS]],
    ['the log from its end', LOG.whole, [head, 1000, 1 << 20]],
    ['a page of the log', LOG.whole, [KEYS / 2, 100, 1 << 20]],
    ['a page of the log without values', LOG.bare, [1, 100, 1 << 20]],
  ];
  for (const [what, text, values] of cases) {
    it(`read no more than a page for ${what}`, async () => {
      await client.query(`DEALLOCATE ALL`);
      const { rows } = await client.query({ text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values });
      const nodes = flatten(rows[0]['QUERY PLAN'][0].Plan);
      const scanned = nodes.map((node) => ({
        node: `${node['Node Type']} ${node['Relation Name'] ?? ''}`,
        rows: node['Actual Rows'] * node['Actual Loops'],
      }));
      for (const { node, rows: count } of scanned) expect(count, node).to.be.at.most(450);
      const sequential = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && (node['Actual Loops'] ?? 0) > 0);
      for (const node of sequential) expect(node['Relation Name']).to.be.oneOf(['head', 'epoch']);
    });
  }

  it('commit touches only what it writes', async () => {
    const begun = performance.now();
    for (let n = 0; n < 20; n++) await done(subject.store, set('k00001', String(n)));
    expect((performance.now() - begun) / 20, 'ms per commit').to.be.lessThan(100);
  });
});

describe('plans that were made when the tables were small', () => {
  it('still let a commit read no more than it writes', async () => {
    const subject = await openSubject();
    const lookups = async () => {
      const text = `SELECT idx_tup_read AS n FROM pg_stat_user_indexes WHERE indexrelname = 'current_pkey'`;
      return Number((await subject.sql(text))[0]!.n);
    };
    const store = await subject.another();
    await done(store, set('a', '1'));
    await subject.sql('VACUUM ANALYZE paramd.current');
    for (let n = 0; n < 3; n++) await done(store, write([set('a', '2'), remove('b', { allowMissing: true })]));
    await subject.sql(`ALTER TABLE paramd.current SET (autovacuum_enabled = off)`);
    await done(store, set('a', '3'));
    await subject.sql(`
      INSERT INTO paramd.current
      SELECT 'k' || n, 'string_value', '\\x00', 1, 1, 1, 0, 0, 'me', '{}', 0 FROM generate_series(1, ${KEYS}) AS n`);
    const before = await lookups();
    for (let n = 0; n < 3; n++) await done(store, write([set('k1', '2'), set('new', '1'), remove(`k${n + 2}`)]));
    // Its session tells what it has read when it ends.
    await store.close();
    await eventually(async () => (await lookups()) > before);
    expect((await lookups()) - before).to.be.lessThan(100);
    await subject.close();
  });
});

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}
