import { expect } from 'chai';
import { Redis } from 'iovalkey';
import { eventually } from '../e2e/eventually.ts';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { int, text } from '../e2e/rpc.ts';
import { requireValkey, startValkey, type TestServer } from '../support/servers.ts';
import { block } from './blocks.ts';

const PASSWORD = 'a password of its own';

describe('the Valkey user of operations.md', function () {
  this.timeout(60_000);
  let valkey: TestServer;
  let administrator: Redis;
  let fleet: Fleet;

  before(async function () {
    requireValkey(this);
    valkey = await startValkey();
    administrator = new Redis(valkey.url);
    const [, name = '', ...rules] = block('docs/operations.md', 'user paramd on').trim().split(' ');
    const ours = rules.map((rule) => (rule === '>…' ? `>${PASSWORD}` : rule));
    await administrator.call('ACL', 'SETUSER', name, ...ours);
    const url = new URL(valkey.url);
    Object.assign(url, { username: name, password: PASSWORD });
    fleet = await startFleet({ valkeyUrl: url.href });
  });
  after(async () => {
    await fleet?.close();
    administrator?.disconnect();
    await valkey?.close();
  });

  it('may do all that replicas do, and no more is tried', async () => {
    const [one, other] = fleet.replicas;
    const key = 'app:config:max_users';
    await eventually(async () => (await metric(1, 'paramd_bus_state{state="connected"}')) === 1);
    await one!.set({ key, value: int(100) });
    await one!.set({ key: 'app:large', value: text('x'.repeat(300_000)) });
    await eventually(async () => (await administrator.keys('paramd:*')).length > 1);
    await other!.get({ key });
    await other!.get({ key: 'app:large' });
    await one!.delete({ key });
    expect(await metric(1, 'paramd_shared_hits_total')).to.be.greaterThan(0);
    expect(await metric(0, 'paramd_shared_errors_total')).to.equal(0);
    expect(await administrator.call('ACL', 'LOG'), 'what was refused').to.deep.equal([]);
  });

  async function metric(at: number, name: string): Promise<number> {
    const { httpHost, httpPort } = fleet.replicas[at]!.replica;
    const shown = await (await fetch(`http://${httpHost}:${httpPort}/metrics`)).text();
    const line = shown.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }
});
