import { expect } from 'chai';
import { connect, type NearCache, type ParamdClient } from '../../../src/client/index.ts';
import { eventually } from '../../e2e/eventually.ts';
import { type Fleet, type ReplicaProcess, startFleet } from '../../e2e/replicas.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { Truth } from './truth.ts';

const MAX_STALENESS_MS = 1_000;

describe('near cache among failing servers: every bound is true (C5)', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  let replicas: readonly [ReplicaProcess, ReplicaProcess];
  let client: ParamdClient;
  let params: NearCache;
  let truth: Truth;
  let log: string[];
  let counters = 0;
  const proxies: TestProxy[] = [];

  before(async () => {
    fleet = await startFleet({ count: 0 });
    replicas = [await fleet.spawn(), await fleet.spawn()];
  });
  after(() => fleet?.close());
  afterEach(async () => {
    for (const { process } of replicas) process.kill('SIGCONT');
    await truth?.stop();
    await params?.close();
    client?.close();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  async function open(target: string): Promise<void> {
    log = [];
    client = connect({ target });
    params = client.cache({ prefixes: ['app:'], maxStalenessMs: MAX_STALENESS_MS, log: (line) => log.push(line) });
    expect(await params.ready()).to.equal('CACHE');
  }

  /** A counter of its own for each test: begun anew, it would not count up. */
  function write(target: string): void {
    truth = new Truth(target, `app:${++counters}`);
  }

  const value = () => truth.sample(params).value;

  /** Until the condition holds, reading all the time. */
  function until(condition: () => boolean, withinMs = 20_000): Promise<number> {
    return eventually(() => {
      truth.sample(params);
      return condition();
    }, withinMs);
  }

  const isDegraded = () => truth.sample(params).degraded;

  async function inStep(): Promise<void> {
    const from = truth.written;
    await until(() => value() > from + 10 && !isDegraded());
  }

  async function finish(): Promise<void> {
    await truth.stop();
    truth.check();
  }

  /** Which replica has the watch: 0 or 1. */
  async function watchedReplica(): Promise<0 | 1> {
    const counts = await Promise.all(
      replicas.map(async ({ target }) => {
        const direct = connect({ target });
        const { watchers } = await direct.stats().finally(() => direct.close());
        return watchers;
      }),
    );
    expect(counts).to.have.members([0n, 1n]);
    return counts[0] === 1n ? 0 : 1;
  }

  it('a frozen server: the bound grows, answers become degraded, and it heals', async () => {
    const [frozen, other] = replicas;
    await open(frozen.target);
    write(other.target);
    await inStep();
    frozen.process.kill('SIGSTOP');
    const frozenAtMs = performance.now();
    let lastGoodAtMs = frozenAtMs;
    await until(() => {
      const atMs = performance.now();
      if (!isDegraded()) lastGoodAtMs = atMs;
      return lastGoodAtMs < atMs;
    });
    // The signal takes a moment to arrive.
    expect(lastGoodAtMs - frozenAtMs).to.be.below(MAX_STALENESS_MS + 50);
    const before = params.stalenessBoundMs!;
    await until(() => params.stalenessBoundMs! > before + 1_500);
    frozen.process.kill('SIGCONT');
    await until(() => !isDegraded());
    await inStep();
    await finish();
  });

  it('a frozen server beside another one: the cache moves over', async () => {
    await open(replicas.map(({ target }) => target).join());
    const at = await watchedReplica();
    write(replicas[at === 0 ? 1 : 0].target);
    await inStep();
    replicas[at].process.kill('SIGSTOP');
    const from = truth.written;
    await until(() => value() > from + 200);
    await inStep();
    expect(log.filter((line) => line.includes('stands still'))).to.not.deep.equal([]);
    await finish();
  });

  it('a watch that is dropped in silence, while checks pass elsewhere: it is opened again', async () => {
    for (const { target } of replicas) proxies.push(await startProxy(Number(target.split(':')[1])));
    await open(proxies.map(({ port }) => `127.0.0.1:${port}`).join());
    const at = await watchedReplica();
    write(replicas[at].target);
    await inStep();
    proxies[at]!.mode = 'blackhole';
    const from = truth.written;
    await until(() => value() > from + 200);
    await inStep();
    expect(log.filter((line) => line.includes('stands still'))).to.not.deep.equal([]);
    await finish();
  });

  it('an event loop that stood still: the first reads after it say so, and it recovers', async () => {
    await open(replicas[0].target);
    write(replicas[1].target);
    await inStep();
    for (let round = 0; round < 3; round++) {
      const before = params.stalenessBoundMs!;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2.5 * MAX_STALENESS_MS);
      const first = truth.sample(params);
      expect(first.stalenessBoundMs).to.be.at.least(before + 2.5 * MAX_STALENESS_MS - 1);
      expect(first.degraded).to.equal(true);
      await inStep();
    }
    await finish();
  });
});
