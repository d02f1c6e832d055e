import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ErrorCode,
  type EventDetails,
  type Hook,
  OpenFeature,
  ProviderEvents,
  ProviderStatus,
} from '@openfeature/server-sdk';
import { expect } from 'chai';
import { Freshness } from '../../gen/parameter/v1/freshness.ts';
import { durationOfMs } from '../../src/client/duration.ts';
import { connect, type NearCache } from '../../src/client/index.ts';
import { type NearCacheClient, openNearCache } from '../../src/client/near-cache/open-near-cache.ts';
import { ParamdProvider } from '../../src/client/openfeature.ts';
import { failure, type MemoryClient, memoryClient } from '../../src/client/testing.ts';
import { startRealServer } from './real-server.ts';

describe('ParamdProvider', () => {
  let paramd: MemoryClient;
  let cache: NearCache;
  const open = (snapshotFile?: string) =>
    paramd.cache({ prefixes: ['flags:', 'limits:'], snapshotFile, log: () => {} });
  beforeEach(() => {
    paramd = memoryClient({
      'flags:on': true,
      'flags:off': false,
      'flags:color': 'red',
      'flags:max': 100n,
      'flags:ratio': 0.25,
      'flags:huge': 2n ** 60n,
      'flags:rule': { json: '{"regions":["eu"],"share":0.5}' },
      'flags:hosts': ['a', 'b'],
      'limits:max': 7n,
    });
    cache = open();
  });
  afterEach(async () => {
    await OpenFeature.clearProviders();
    OpenFeature.clearHandlers();
    OpenFeature.clearHooks();
    await cache.close();
  });

  it('evaluates flags of every type', async () => {
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));
    const flags = OpenFeature.getClient();
    expect(await flags.getBooleanValue('on', false)).to.equal(true);
    expect(await flags.getBooleanValue('off', true)).to.equal(false);
    expect(await flags.getStringValue('color', 'blue')).to.equal('red');
    expect(await flags.getNumberValue('max', 1)).to.equal(100);
    expect(await flags.getNumberValue('ratio', 1)).to.equal(0.25);
    const rule = await flags.getObjectValue('rule', {});
    expect(rule).to.deep.equal({ regions: ['eu'], share: 0.5 });
    expect(rule).to.satisfy(Object.isFrozen);
    expect(await flags.getObjectValue('hosts', [])).to.deep.equal(['a', 'b']);
    expect(OpenFeature.providerMetadata.name).to.equal('paramd');
  });

  it('tells reason, revision and staleness, and why the default stands in', async () => {
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));
    const flags = OpenFeature.getClient();
    expect(await flags.getBooleanDetails('on', false)).to.deep.equal({
      flagKey: 'on',
      value: true,
      reason: 'CACHED',
      flagMetadata: { revision: '1', stalenessBoundMs: 0 },
    });
    const failures = [
      [await flags.getNumberDetails('none', 5), 5, ErrorCode.FLAG_NOT_FOUND],
      [await flags.getNumberDetails('color', 5), 5, ErrorCode.TYPE_MISMATCH],
      [await flags.getNumberDetails('huge', 5), 5, ErrorCode.TYPE_MISMATCH],
      [await flags.getObjectDetails('on', { a: 1 }), { a: 1 }, ErrorCode.TYPE_MISMATCH],
      [await flags.getStringDetails('hosts', 'x'), 'x', ErrorCode.TYPE_MISMATCH],
    ] as const;
    for (const [details, value, errorCode] of failures) {
      expect(details).to.deep.include({ value, errorCode, reason: 'ERROR' });
      expect(details.errorMessage).to.be.a('string').and.not.equal('');
    }
  });

  it('runs the hooks of the SDK', async () => {
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'limits:' }));
    const seen: unknown[] = [];
    const hook: Hook = {
      after: (_context, details) => void seen.push(details.reason, details.flagMetadata?.revision),
      error: (_context, error) => void seen.push((error as { code?: string }).code),
    };
    const flags = OpenFeature.getClient().addHooks(hook);
    expect(await flags.getNumberValue('max', 1)).to.equal(7);
    expect(await flags.getNumberValue('none', 1)).to.equal(1);
    expect(seen).to.deep.equal(['CACHED', '9', 'FLAG_NOT_FOUND']);
  });

  it('tells which flags changed, once for all of one commit', async () => {
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));
    const changed: unknown[] = [];
    OpenFeature.addHandler(
      ProviderEvents.ConfigurationChanged,
      (details?: EventDetails) => void changed.push(details?.flagsChanged),
    );
    const { revision } = await paramd.commit([
      { set: 'flags:on', value: false },
      { delete: 'flags:color' },
      { set: 'limits:max', value: 8n },
    ]);
    await cache.atLeast(revision);
    expect(changed).to.deep.equal([['on', 'color']]);
    expect(await OpenFeature.getClient().getBooleanValue('on', true)).to.equal(false);
  });

  it('is stale while no server can be reached, and ready again after', async () => {
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));
    const flags = OpenFeature.getClient();
    const heard: string[] = [];
    OpenFeature.addHandler(ProviderEvents.Stale, () => void heard.push('stale'));
    flags.addHandler(ProviderEvents.Ready, () => void heard.push('ready'));
    await paramd.advance(60_000);
    paramd.unavailable = true;
    await paramd.advance(10_000);
    expect(flags.providerStatus).to.equal(ProviderStatus.STALE);
    const details = await flags.getBooleanDetails('on', false);
    expect(details).to.include({ value: true, reason: 'STALE' });
    expect(details.flagMetadata.stalenessBoundMs).to.be.within(10_000, 15_000);
    paramd.unavailable = false;
    await paramd.advance(10_000);
    expect(flags.providerStatus).to.equal(ProviderStatus.READY);
    expect(heard).to.deep.equal(['ready', 'stale', 'ready']); // the first: a handler hears of a state that is there
  });

  it('is not ready without values, and becomes so by itself', async () => {
    paramd.unavailable = true;
    cache = open();
    const provider = new ParamdProvider(cache, { prefix: 'flags:' });
    const flags = OpenFeature.getClient();
    const waiting = OpenFeature.setProviderAndWait(provider).catch((error: Error) => error.name);
    const early = await flags.getBooleanDetails('on', false);
    expect(early).to.include({ value: false, errorCode: ErrorCode.PROVIDER_NOT_READY });
    await paramd.advance(10_000);
    expect(await waiting).to.equal('NearCacheTimeout');
    expect(flags.providerStatus).to.equal(ProviderStatus.ERROR);
    expect(await flags.getBooleanDetails('on', false)).to.include({ errorCode: ErrorCode.PROVIDER_NOT_READY });
    paramd.unavailable = false;
    await paramd.advance(10_000);
    expect(flags.providerStatus).to.equal(ProviderStatus.READY);
    expect(await flags.getBooleanValue('on', false)).to.equal(true);
  });

  it('starts from a snapshot file, stale', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'paramd-openfeature-'));
    const file = join(folder, 'flags.snapshot');
    const writer = open(file);
    await writer.ready();
    await writer.close();
    paramd.unavailable = true;
    cache = open(file);
    const flags = OpenFeature.getClient();
    const staleEvent = new Promise((resolve) => OpenFeature.addHandler(ProviderEvents.Stale, resolve));
    await Promise.all([
      OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' })),
      paramd.advance(10_000),
    ]);
    await staleEvent;
    expect(flags.providerStatus).to.equal(ProviderStatus.STALE);
    expect(await flags.getStringDetails('color', 'blue')).to.deep.include({
      value: 'red',
      reason: 'STALE',
      flagMetadata: { revision: '3' },
    });
    paramd.unavailable = false;
    await paramd.advance(10_000);
    expect(flags.providerStatus).to.equal(ProviderStatus.READY);
    await cache.close();
    await rm(folder, { recursive: true });
  });

  it('is fresh from the first evaluation on, over a server', async () => {
    const server = await startRealServer();
    const client = connect({ target: server.target });
    await client.set('flags:on', true);
    const followed = client.cache({ prefixes: ['flags:'], log: () => {} });
    await OpenFeature.setProviderAndWait(new ParamdProvider(followed, { prefix: 'flags:', closeCache: true }));
    const details = await OpenFeature.getClient().getBooleanDetails('on', false);
    expect(details).to.include({ value: true, reason: 'CACHED' });
    await OpenFeature.clearProviders();
    client.close();
    await server.close();
  });

  const unproven: Record<string, NearCacheClient['getMany']> = {
    'nothing tells how old the values are': () => Promise.reject(failure('STORE_UNREACHABLE')),
    'the servers themselves have been cut off for an hour': async () => ({
      parameters: [],
      missingKeys: [],
      freshness: Freshness.create({ stalenessBound: durationOfMs(3_600_000), degraded: true }),
    }),
  };
  for (const [where, getMany] of Object.entries(unproven)) {
    it(`is stale where ${where}`, async () => {
      const old = openNearCache({ watch: paramd.watch, getMany }, { prefixes: ['flags:'], log: () => {} });
      const staleEvent = new Promise((resolve) => OpenFeature.addHandler(ProviderEvents.Stale, resolve));
      await OpenFeature.setProviderAndWait(new ParamdProvider(old, { prefix: 'flags:', closeCache: true }));
      await staleEvent;
      const flags = OpenFeature.getClient();
      expect(flags.providerStatus).to.equal(ProviderStatus.STALE);
      expect(await flags.getBooleanDetails('on', false)).to.include({ value: true, reason: 'STALE' });
    });
  }

  it('leaves the cache open when it is closed, unless told otherwise', async () => {
    const provider = new ParamdProvider(cache, { prefix: 'flags:' });
    await OpenFeature.setProviderAndWait(provider);
    const emitted: unknown[] = [];
    provider.events.addHandler(ProviderEvents.ConfigurationChanged, (details) => void emitted.push(details));
    await OpenFeature.clearProviders();
    const { revision } = await paramd.set('flags:on', false);
    await cache.atLeast(revision);
    expect([cache.boolean('flags:on', true), emitted.length]).to.deep.equal([false, 0]);
    await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { closeCache: true, prefix: 'flags:' }));
    await OpenFeature.clearProviders();
    expect(await cache.atLeast(1000n).catch((error: Error) => error.message)).to.match(/closed/);
  });

  it('refuses a prefix that the cache does not keep', async () => {
    const failure = await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'other:' })).catch(
      (error) => error,
    );
    expect(failure).to.be.instanceOf(TypeError);
  });
});
