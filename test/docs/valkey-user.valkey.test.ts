import { expect } from 'chai';
import { Redis } from 'iovalkey';
import { eventually } from '../e2e/eventually.ts';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { text } from '../e2e/rpc.ts';
import { requireValkey, startValkey, type TestServer } from '../support/servers.ts';
import { block } from './blocks.ts';

const PASSWORD = 'a password of its own';

describe('the Valkey user of operations.md', function () {
  this.timeout(60_000);
  let valkey: TestServer;
  let administrator: Redis;
  let fleet: Fleet;
  let granted: readonly string[];

  before(async function () {
    requireValkey(this);
    valkey = await startValkey();
    administrator = new Redis(valkey.url);
    const [, name = '', ...rules] = block('docs/operations.md', 'user paramd on').trim().split(' ');
    const ours = rules.map((rule) => (rule === '>…' ? `>${PASSWORD}` : rule));
    await administrator.call('ACL', 'SETUSER', name, ...ours);
    granted = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
    const url = new URL(valkey.url);
    Object.assign(url, { username: name, password: PASSWORD });
    fleet = await startFleet({
      valkeyUrl: url.href,
      settings: { PARAMD_JOBS: 'on', PARAMD_AUDIT_INTERVAL_MS: '1000', PARAMD_SHARED_CACHE_TIMEOUT_MS: '1000' },
    });
  });
  after(async () => {
    await fleet?.close();
    administrator?.disconnect();
    await valkey?.close();
  });

  it('may do what replicas do, and nothing else', async () => {
    const [one, other] = fleet.replicas;
    await eventually(async () => (await metric(1, 'paramd_bus_state{state="connected"}')) === 1);
    // Too large for the bus, so that the other replica looks into Valkey.
    for (const key of ['large', 'garbled']) await one!.set({ key, value: text('x'.repeat(300_000)) });
    const entry = (key: string) => administrator.keys(`paramd:*:${key}`);
    await eventually(async () => (await entry('large')).length + (await entry('garbled')).length === 2);
    await administrator.set((await entry('garbled'))[0]!, 'garbage');
    for (const key of ['large', 'garbled']) await other!.get({ key });
    await one!.delete({ key: 'large' });
    expect(await metric(1, 'paramd_shared_hits_total')).to.be.greaterThan(0);
    expect(await metric(0, 'paramd_shared_errors_total')).to.equal(0);
    await eventually(async () => {
      const used = [...(await administrator.info('commandstats')).matchAll(/^cmdstat_([^:]+)/gm)].map(([, one]) => one);
      return granted.every((command) => used.includes(command));
    });
    expect(await administrator.call('ACL', 'LOG'), 'what was refused').to.deep.equal([]);
  });

  async function metric(at: number, name: string): Promise<number> {
    const { httpHost, httpPort } = fleet.replicas[at]!.replica;
    const shown = await (await fetch(`http://${httpHost}:${httpPort}/metrics`)).text();
    const line = shown.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }
});
