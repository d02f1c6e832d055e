import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Valkey } from 'iovalkey';
import type { ValkeyConnection } from '../../../src/adapters/valkey/connect-valkey.ts';
import { announcement, Ear } from '../../contract/bus.ts';
import { expectSame, present } from '../../contract/shared-cache.ts';
import { startProxy } from '../../support/proxy.ts';
import { requireValkey, startValkey, type TestServer } from '../../support/servers.ts';
import { type CountingTelemetry, connect, countingTelemetry, eventually, reachable } from './worlds.ts';

/** What a frozen Valkey may cost: the timeout, and what a shared machine adds. */
const COMMAND_TIMEOUT_MS = 50;
const NOISE_MS = 250;

describe('valkey that fails', function () {
  this.timeout(40_000);
  let server: TestServer;
  let telemetry: CountingTelemetry;
  let connection: ValkeyConnection | undefined;
  let ear: Ear;

  before(function () {
    requireValkey(this);
  });
  beforeEach(async () => {
    server = await startValkey();
    telemetry = countingTelemetry();
    ear = new Ear();
  });
  afterEach(async () => {
    server.thaw();
    await connection?.close();
    connection = undefined;
    await server.close();
  });

  async function attach(port = server.port, name = 'installation'): Promise<ValkeyConnection> {
    const url = new URL(server.url);
    url.port = String(port);
    connection = connect(url.href, { name, telemetry, commandTimeoutMs: COMMAND_TIMEOUT_MS });
    connection.sharedCache.useEpoch('epoch');
    connection.bus.listen(ear);
    return connection;
  }

  async function attached(port?: number): Promise<ValkeyConnection> {
    const made = await attach(port);
    await ear.until(() => ear.connections === 1);
    await reachable(made);
    await eventually(() => {
      if (telemetry.total('bus_published') === 0) made.bus.publish(announcement(1n, ['x']));
      return telemetry.total('bus_published') > 0;
    });
    return made;
  }

  const stores = ({ sharedCache }: ValkeyConnection, revision: bigint) =>
    eventually(() => sharedCache.put('k', present(revision, revision, `v${revision}`)));

  it('need not be there at the start', async () => {
    await server.stop();
    const made = await attach();
    expect(made.bus.state()).to.equal('disconnected');
    made.bus.publish(announcement(1n, ['x']));
    await eventually(() => telemetry.total('bus_unsent') === 1);
    expect(await made.sharedCache.put('k', present(1n, 1n, 'x'))).to.equal(false);
    expect(await made.description()).to.equal(undefined);
    await eventually(() => telemetry.logged.length > 0);
    await server.start();
    await ear.until(() => ear.connections === 1);
    await stores(made, 1n);
  });

  it('may be killed and come back empty', async () => {
    const made = await attached();
    await stores(made, 1n);
    await server.kill();
    await ear.until(() => ear.disconnections === 1);
    expect(made.bus.state()).to.equal('disconnected');
    expect(await made.sharedCache.get('k')).to.equal(undefined);
    expect(await made.sharedCache.put('k', present(2n, 2n, 'x'))).to.equal(false);
    await server.start();
    await ear.until(() => ear.connections === 2);
    expect(await made.sharedCache.get('k')).to.equal(undefined);
    await stores(made, 3n);
  });

  it('may come back with an old dump, which a newer entry replaces (C13)', async () => {
    const made = await attached();
    const raw = new Valkey(server.url);
    await stores(made, 1n);
    await raw.save();
    const [, folder] = (await raw.config('GET', 'dir')) as string[];
    raw.disconnect();
    copyFileSync(join(folder!, 'dump.rdb'), join(folder!, 'old.rdb'));
    await stores(made, 2n);
    await server.kill();
    await ear.until(() => ear.disconnections === 1);
    copyFileSync(join(folder!, 'old.rdb'), join(folder!, 'dump.rdb'));
    await server.start();
    await ear.until(() => ear.connections === 2);
    await eventually(async () => (await made.sharedCache.get('k')) !== undefined);
    expectSame(await made.sharedCache.get('k'), present(1n, 1n, 'v1'));
    expect(await made.sharedCache.put('k', present(3n, 3n, 'v3'))).to.equal(true);
    expectSame(await made.sharedCache.get('k'), present(3n, 3n, 'v3'));
  });

  it('costs a frozen server a few timeouts, then nothing, and is used again after', async () => {
    const made = await attached();
    await stores(made, 1n);
    server.freeze();
    let slowest = 0;
    await eventually(async () => {
      const started = performance.now();
      expect(await made.sharedCache.get('k')).to.equal(undefined);
      slowest = Math.max(slowest, performance.now() - started);
      return telemetry.logged.some((line) => line.includes('left out'));
    });
    expect(slowest).to.be.below(2 * COMMAND_TIMEOUT_MS + NOISE_MS);
    expect(telemetry.total('shared_errors')).to.be.below(8);
    const started = performance.now();
    for (let i = 0; i < 1000; i++) await made.sharedCache.get('k');
    expect(performance.now() - started).to.be.below(1000);
    server.thaw();
    await eventually(async () => (await made.sharedCache.get('k')) !== undefined);
    expectSame(await made.sharedCache.get('k'), present(1n, 1n, 'v1'));
  });

  // Promised are 300 ms and 3 s: that leaves room for the next write or poll, and for a busy machine.
  for (const [why, noticedMs, provoke] of [
    ['while writes flow', 200, (made) => made.bus.publish(announcement(5n, ['x']))],
    ['when suspected', 100, (made) => made.bus.suspect()],
    ['when idle', 2800, () => {}],
  ] as [string, number, (made: ValkeyConnection) => void][]) {
    it(`is missed by the bus ${why} if frozen (C6)`, async () => {
      const made = await attached();
      server.freeze();
      const started = performance.now();
      provoke(made);
      await ear.until(() => ear.disconnections === 1);
      expect(performance.now() - started).to.be.below(noticedMs + NOISE_MS);
      expect(made.bus.state()).to.equal('disconnected');
      server.thaw();
      await ear.until(() => ear.connections === 2);
    });

    it(`is missed by the bus ${why} behind a half-open socket (C6)`, async () => {
      const proxy = await startProxy(server.port);
      const made = await attached(proxy.port);
      proxy.mode = 'blackhole';
      const started = performance.now();
      provoke(made);
      await ear.until(() => ear.disconnections === 1);
      expect(performance.now() - started).to.be.below(noticedMs + NOISE_MS);
      proxy.mode = 'pass';
      await ear.until(() => ear.connections === 2);
      await made.close();
      await proxy.close();
    });
  }

  it('tells no password to the log', async () => {
    const url = new URL(server.url);
    url.password = 'wrong-and-secret';
    connection = connect(url.href, { telemetry });
    await eventually(() => telemetry.logged.length >= 3);
    expect(telemetry.logged.join()).to.include('valkey is away').and.not.include('secret');
  });

  it('leaves nothing running after close, whatever its state', async () => {
    const made = await attached();
    server.freeze();
    made.bus.suspect();
    const pending = made.sharedCache.get('k');
    await made.close();
    expect(await pending).to.equal(undefined);
  });
});
