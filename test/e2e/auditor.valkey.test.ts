import { expect } from 'chai';
import { Value } from '../../gen/parameter/v1/parameter.ts';
import { parameterCodec } from '../../src/rpc/parameter-codec.ts';
import { connect, reachable } from '../adapters/valkey/worlds.ts';
import { requireValkey, valkeyUrl } from '../support/servers.ts';
import { eventually } from './eventually.ts';
import { type Fleet, type ReplicaProcess, startFleet } from './replicas.ts';
import { int, intOf } from './rpc.ts';
import { query } from './watch-checker.ts';

describe('the auditor of a replica', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  let replica: ReplicaProcess;
  before(async function () {
    const valkeyUrl = requireValkey(this);
    fleet = await startFleet({ count: 0, valkeyUrl });
    replica = await fleet.spawn({ PARAMD_JOBS: 'on', PARAMD_AUDIT_INTERVAL_MS: '1000' });
  });
  after(() => fleet?.close());

  async function metric(name: string): Promise<number> {
    const { http } = replica.log.find(({ msg }) => msg === 'serving')!;
    const metrics = await (await fetch(`http://${http}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)![1]);
  }

  /** Wrong in the value only: no revision tells. */
  async function plantInStore(key: string, value: number): Promise<void> {
    const encoded = Buffer.from(Value.encode(int(value)).finish()).toString('hex');
    await query(fleet.databaseUrl, `UPDATE paramd.current SET value = '\\x${encoded}' WHERE key = '${key}'`);
  }

  /** As a replica with the secret and a defect would. */
  async function plantInValkey(key: string, value: number): Promise<void> {
    const [installation] = await query<{ id: string; secret: Buffer }>(
      fleet.databaseUrl,
      'SELECT id, secret FROM paramd.installation',
    );
    const [epoch] = await query<{ id: string }>(fleet.databaseUrl, 'SELECT id FROM paramd.epoch');
    const valkey = connect(valkeyUrl()!, { installation: installation! });
    try {
      await reachable(valkey);
      valkey.sharedCache.useEpoch(epoch!.id);
      await eventually(async () => (await valkey.sharedCache.get(key)) !== undefined);
      const entry = (await valkey.sharedCache.get(key))!;
      const parameter = parameterCodec.decode(entry.encoded!);
      const wrong = { kind: 'int_value', encoded: Value.encode(int(value)).finish() } as const;
      await valkey.sharedCache.drop(key);
      await valkey.sharedCache.put(key, { ...entry, encoded: parameterCodec.encode({ ...parameter, value: wrong }) });
    } finally {
      await valkey.close();
    }
  }

  it('finds a stale entry planted into each tier: in the log, in the metrics by age, and no more answered', async () => {
    for (const key of ['in-memory', 'in-valkey', 'sound']) {
      await replica.set({ key, value: int(1) });
      await eventually(async () => (await replica.get({ key })).freshness!.servedFrom > 0);
    }
    await eventually(async () => (await metric('paramd_audit_sampled_total')) > 6);
    expect(await metric('paramd_audit_inconsistent_total'), 'nothing planted, nothing found').to.equal(0);

    await plantInStore('in-memory', 2);
    await eventually(async () => (await metric('paramd_audit_inconsistent_total')) >= 1);
    // The same key differs in Valkey too.
    await eventually(async () => (await metric('paramd_audit_inconsistent_total')) >= 2);
    expect(intOf((await replica.get({ key: 'in-memory' })).parameter)).to.equal(2);
    expect(await metric('paramd_audit_inconsistent_age_seconds_bucket{le="86400"}')).to.equal(2);

    await plantInValkey('in-valkey', 7);
    await eventually(async () => (await metric('paramd_audit_inconsistent_total')) >= 3);
    const lines = () => replica.log.filter(({ msg }) => msg.startsWith('a cached entry differs'));
    await eventually(() => lines().length >= 3);
    const told = lines().map((line) => Object(line) as { key: string; tier: string; level: string; ageMs: number });
    expect(told.map(({ key, tier }) => `${key} ${tier}`).sort()).to.deep.equal([
      'in-memory near-cache',
      'in-memory shared-cache',
      'in-valkey shared-cache',
    ]);
    for (const { level, ageMs } of told) {
      expect(level).to.equal('error');
      expect(ageMs).to.be.within(0, 60_000);
    }
    expect(intOf((await replica.get({ key: 'in-valkey' })).parameter)).to.equal(1);
  });
});
