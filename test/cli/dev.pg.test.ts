import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { findPostmaster } from '../../src/embedded/postmaster.ts';
import { goneWithin, type RunningProcess, signalTree } from '../../src/embedded/process.ts';
import { eventually } from '../e2e/eventually.ts';
import { newFolder, valkeyUrl } from '../support/servers.ts';

const GONE_MS_MAX = 15_000;

interface Dev {
  /** Of the process group, as a terminal would have made it. */
  readonly pid: number;
  readonly target: string;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

describe('npm start', function () {
  this.timeout(60_000);
  const script: string = JSON.parse(readFileSync('package.json', 'utf8')).scripts.start;
  let folder: string;
  let running: ChildProcess[] = [];

  beforeEach(() => {
    folder = newFolder('dev');
  });

  afterEach(async () => {
    for (const { pid = 0, exitCode, signalCode } of running) {
      if (exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    }
    running = [];
    const left = postmaster();
    if (left !== undefined) signalTree(left, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  function postmaster(): RunningProcess | undefined {
    return findPostmaster(join(folder, 'postgres', 'data'));
  }

  /** As npm runs it: by sh. Of the two servers only PostgreSQL is its own. */
  function run(command: string, variables: Record<string, string> = {}) {
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        DATABASE_URL: '',
        PGHOST: '',
        VALKEY_URL: valkeyUrl() ?? '',
        PARAMD_DATA_DIR: folder,
        PARAMD_LISTEN: '127.0.0.1:0',
        PARAMD_HTTP_LISTEN: '127.0.0.1:0',
        ...variables,
      },
    });
    running.push(child);
    let output = '';
    const shown = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
          if (output.includes('Ctrl-C stops all of it')) resolve();
        });
      }
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { pid: child.pid ?? 0, output: () => output, shown, ended };
  }

  async function start(): Promise<Dev> {
    const { shown, ...dev } = run(script);
    await Promise.race([
      shown,
      dev.ended.then(() => {
        throw new Error(dev.output());
      }),
    ]);
    return { ...dev, target: /gRPC on (\S+),/.exec(dev.output())?.[1] ?? '' };
  }

  async function paramd(target: string, words: string): Promise<string> {
    const { ended, output } = run(`node bin/paramd.js ${words}`, { PARAMD_TARGET: target });
    await ended;
    return output();
  }

  it('ends at Ctrl-C with 0 and leaves nothing, and finds the data again', async () => {
    const first = await start();
    expect(await paramd(first.target, 'set app:limit 7')).to.include('at revision 1');
    const server = postmaster()!;
    // The terminal tells the whole group, and npm tells its child once more.
    process.kill(-first.pid, 'SIGINT');
    process.kill(first.pid, 'SIGINT');
    expect(await first.ended).to.equal(0);
    expect(await goneWithin([server], 0)).to.equal(true);

    const second = await start();
    expect(await paramd(second.target, 'get app:limit')).to.equal('7\n');
    process.kill(-second.pid, 'SIGINT');
    expect(await second.ended).to.equal(0);
  });

  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`ends at ${signal} to the process that npm knows, with all of it`, async () => {
      const { pid, ended } = await start();
      const server = postmaster()!;
      process.kill(pid, signal);
      expect(await ended).to.equal(0);
      expect(await goneWithin([server], 0)).to.equal(true);
    });
  }

  it('ends at Ctrl-C while it starts, too', async () => {
    const { pid, ended, output } = run(script);
    await eventually(() => postmaster() !== undefined);
    process.kill(-pid, 'SIGINT');
    expect(await ended).to.equal(0);
    expect(output()).not.to.include('serves gRPC');
    expect(postmaster()).to.equal(undefined);
  });

  it('starts again after a SIGKILL, orphaned servers or not', async () => {
    const killed = await start();
    await paramd(killed.target, 'set app:limit 7');
    const orphan = postmaster()!;
    process.kill(killed.pid, 'SIGKILL');
    await killed.ended;
    const next = await start();
    expect(next.output()).to.include(`stopping the PostgreSQL that an earlier run left (process ${orphan.pid})`);
    expect(await paramd(next.target, 'get app:limit')).to.equal('7\n');
    process.kill(-next.pid, 'SIGINT');
    expect(await next.ended).to.equal(0);
  });

  it('names the variable of a port that is taken, and leaves nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    try {
      for (const variable of ['PARAMD_LISTEN', 'PARAMD_HTTP_LISTEN']) {
        const { ended, output } = run(script, { [variable]: `127.0.0.1:${port}` });
        expect(await ended).to.equal(1);
        expect(output()).to.match(new RegExp(`^paramd: port ${port} is taken .*; set ${variable} to`, 'm'));
        const left = postmaster();
        expect(left === undefined || (await goneWithin([left], GONE_MS_MAX))).to.equal(true);
      }
    } finally {
      other.close();
    }
  });

  it('refuses a folder in which another one runs', async () => {
    const first = await start();
    const second = run(script);
    expect(await second.ended).to.equal(1);
    expect(second.output()).to.include('is in use by another paramd');
    process.kill(-first.pid, 'SIGINT');
    expect(await first.ended).to.equal(0);
  });
});
