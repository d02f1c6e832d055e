import { readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'iovalkey';
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts';
import { findProcess } from '../../src/embedded/process.ts';
import { type EmbeddedValkeyOptions, startEmbeddedValkey } from '../../src/embedded/valkey.ts';
import { findValkey } from '../../src/embedded/valkey-binary.ts';
import { newFolder, requireValkey, valkeyPackageFolder } from '../support/servers.ts';
import { startServersElsewhere } from './servers-elsewhere.ts';

describe('the embedded Valkey', function () {
  this.timeout(60_000);
  let parent: string;
  let folder: string;
  let log: string[];
  const unpackInto = valkeyPackageFolder();
  const running: EmbeddedServer[] = [];

  before(function () {
    requireValkey(this);
  });

  beforeEach(() => {
    parent = newFolder('embedded');
    folder = join(parent, 'valkey');
    log = [];
  });

  afterEach(async () => {
    for (const server of running.splice(0)) {
      await server.stop();
      expect(findProcess(server.pid)).to.equal(undefined);
    }
    rmSync(parent, { recursive: true, force: true });
  });

  async function start(options: Partial<EmbeddedValkeyOptions> = {}): Promise<EmbeddedServer> {
    const server = await startEmbeddedValkey({ folder, unpackInto, log: (line) => log.push(line), ...options });
    if (server === undefined) throw new Error('no Valkey');
    running.push(server);
    return server;
  }

  async function ask<T>(url: string, what: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(url.replace('valkey:', 'redis:'), {
      lazyConnect: true,
      enableReadyCheck: false,
      retryStrategy: () => null,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await what(client);
    } finally {
      client.disconnect();
    }
  }

  it('answers who has the password, keeps nothing on disk, and evicts when full', async () => {
    const { url, description } = await start();
    expect(description).to.match(/^Valkey \d+\.\d+\.\d+$/);
    expect(await ask(url, (client) => client.ping())).to.equal('PONG');
    const config = async (name: string) => ((await ask(url, (client) => client.config('GET', name))) as string[])[1];
    expect(await config('save')).to.equal('');
    expect(await config('appendonly')).to.equal('no');
    expect(await config('maxmemory-policy')).to.equal('allkeys-lru');
    expect(await config('bind')).to.equal('127.0.0.1');
    const stranger = new URL(url);
    stranger.password = '';
    const refusal = await ask(stranger.href, (client) => client.ping()).catch((error: Error) => error.message);
    expect(refusal).to.match(/NOAUTH/);
  });

  it('keeps its password from other users and from the command line', async () => {
    const { url, pid } = await start();
    const { password } = new URL(url);
    expect(statSync(folder).mode & 0o077).to.equal(0);
    if (process.platform === 'linux') expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).to.not.include(password);
    expect(readFileSync(join(folder, 'valkey.log'), 'utf8')).to.not.include(password);
  });

  it('has the same address after a stop', async () => {
    const first = await start();
    await first.stop();
    await first.ended;
    expect((await start()).url).to.equal(first.url);
  });

  it('takes over after the process that started it was killed', async () => {
    const elsewhere = await startServersElsewhere({ folder: parent, unpackInto });
    const valkey = elsewhere.valkey!;
    await elsewhere.kill();
    expect(findProcess(valkey.pid)).to.not.equal(undefined);
    const server = await start();
    expect(findProcess(valkey.pid)).to.equal(undefined);
    expect(log.join()).to.include(`process ${valkey.pid}`);
    expect(server.url).to.equal(valkey.url);
    // The PostgreSQL that was started beside it.
    await (await startServersElsewhere({ folder: parent })).stop();
  });

  it('takes another port if the remembered one is taken, and refuses one asked for', async () => {
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    const refusal = await start({ port: first.port }).catch((error: Error) => error.message);
    const second = await start();
    squatter.close();
    expect(refusal).to.equal(`port ${first.port}, which Valkey is to listen on, is taken by another program`);
    expect(second.port).to.not.equal(first.port);
  });

  it('tells what Valkey complains of', async () => {
    const message = await start({ settings: { maxmemory: 'plenty' } }).catch((error: Error) => error.message);
    expect(message).to.match(/Valkey in .* does not start:.*maxmemory/s);
  });

  it('stops when frozen', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGSTOP');
    await server.stop();
  });

  it('says in one line how to get it where it cannot be had', async () => {
    const path = process.env.PATH;
    process.env.PATH = join(parent, 'nothing-here');
    try {
      expect(await findValkey(join(folder, 'package'), (line) => log.push(line))).to.equal(undefined);
    } finally {
      process.env.PATH = path;
    }
    expect(log.at(-1)).to.match(/^no Valkey: install valkey-server .* or set VALKEY_URL/);
    expect(log.join()).to.not.include('\n');
  });
});
