import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect, type ParamdClient } from '../../src/client/index.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { startProxy } from '../support/proxy.ts';

/** A program that says on each line what it is asked: its variables, then the signals that come. */
const TELLS = `
const { A, B } = process.env;
const [deaf] = process.argv.slice(2);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {
  console.log('told ' + signal);
  if (deaf === undefined && signal !== 'SIGHUP' && signal !== 'SIGUSR2') process.exit(3);
});
console.log('A=' + A + ' B=' + B + ' pid=' + process.pid);
setInterval(() => {}, 1000);
`;

interface Exec {
  readonly child: ChildProcess;
  /** The exit code. */
  readonly ended: Promise<number | null>;
  out(): string;
  err(): string;
  /** Until stdout or stderr has the text so many times. */
  shown(text: string, times?: number): Promise<void>;
}

describe('paramd exec', function () {
  this.timeout(60_000);
  let server: RealServer;
  let client: ParamdClient;
  let folder: string;
  let program: string;
  let running: Exec[];
  beforeEach(async () => {
    server = await startRealServer();
    client = connect({ target: server.target });
    folder = await mkdtemp(join(tmpdir(), 'paramd-cli-'));
    program = join(folder, 'tells.cjs');
    await writeFile(program, TELLS);
    running = [];
  });
  afterEach(async () => {
    for (const { child, out } of running) {
      child.kill('SIGKILL');
      for (const [, pid] of out().matchAll(/pid=(\d+)/g)) killed(Number(pid));
    }
    await Promise.all(running.map(({ ended }) => ended));
    client.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  /** Of itself, in a process of its own: the program has its stdout. */
  function exec(argv: readonly string[], env: Record<string, string> = {}, target = server.target): Exec {
    const environment = { PATH: process.env.PATH ?? '', PARAMD_TARGET: target, ...env };
    const child = spawn(process.execPath, ['bin/paramd.js', 'exec', ...argv], { env: environment });
    let [out, err] = ['', ''];
    let more = Promise.withResolvers<void>();
    const grown = () => {
      more.resolve();
      more = Promise.withResolvers();
    };
    child.stdout.on('data', (chunk) => {
      out += chunk;
      grown();
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
      grown();
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const shown = async (text: string, times = 1) => {
      while (out.split(text).length <= times && err.split(text).length <= times) await more.promise;
    };
    const started = { child, ended, out: () => out, err: () => err, shown };
    running.push(started);
    return started;
  }

  it('gives the parameters as variables, all as of one revision', async () => {
    await client.commit([
      { set: 'app:a', value: 7n },
      { set: 'app:b-c.d', value: "it's $x" },
      { set: 'app:1st', value: true },
      { set: 'app:bytes', value: Buffer.from('é') },
      { set: 'app:list', value: ['x', 'y'] },
      { set: 'app:wait', value: { durationNs: 1_500_000_000n } },
      { set: 'other:z', value: { json: '{ "a" : 1 }' } },
      { set: 'unseen:u', value: 1n },
    ]);
    const { ended, out } = exec(['--prefix', 'app:', '--prefix', 'other:', '--', 'env'], { A: 'present', KEPT: '1' });
    expect(await ended).to.equal(0);
    const lines = out().split('\n');
    for (const line of ['A=7', "B_C_D=it's $x", '_1ST=true', 'BYTES=w6k=', 'LIST=["x","y"]', 'WAIT=1.500s', 'KEPT=1']) {
      expect(lines).to.include(line);
    }
    expect(lines).to.include('Z={ "a" : 1 }');
    expect(out()).to.not.include('U=');
    const kept = exec(['--prefix', 'app:', '--keep-env', 'env'], { A: 'present' });
    await kept.ended;
    expect(kept.out()).to.include('A=present\n').and.to.include('WAIT=1.500s');
    const named = exec(['--prefix', 'app:', '--name-prefix', 'APP_', 'env']);
    await named.ended;
    expect(named.out()).to.include('\nAPP_1ST=true').and.to.not.include('\nA=7');
  });

  it('refuses names that two keys have, that are none, or that decide which programs run', async () => {
    const cases: [string[], string][] = [
      [['x:a-b', 'x:a.b'], 'x:a-b and x:a.b would both be A_B'],
      [['x:'], 'x: has nothing behind the prefix'],
      [['x:path'], 'x:path would be PATH, which decides what programs do; add --name-prefix'],
      [['x:node-options'], 'x:node-options would be NODE_OPTIONS'],
    ];
    for (const [keys, fault] of cases) {
      for (const key of keys) await client.set(key, '1');
      const { ended, err, out } = exec(['--prefix', 'x:', '--', 'env']);
      expect(await ended).to.equal(1);
      expect(err())
        .to.include(fault)
        .and.to.match(/^paramd: [^\n]+\n$/);
      expect(out()).to.equal('');
      for (const key of keys) await client.delete(key);
    }
    await client.set('x:nul', 'a\0b');
    const nul = exec(['--prefix', 'x:', '--', 'env']);
    expect(await nul.ended).to.equal(1);
    expect(nul.err()).to.include('x:nul has a NUL in it');
  });

  it('ends with the code of the program, or with what a shell would say', async () => {
    await client.set('app:a', 1n);
    const codes: [string[], number, string][] = [
      [['sh', '-c', 'exit 7'], 7, ''],
      [['sh', '-c', 'kill -TERM $$'], 143, ''],
      [['not-there', '--flag'], 127, 'paramd: not-there is not found\n'],
      [[folder], 126, `paramd: ${folder} cannot be run (EACCES)\n`],
    ];
    for (const [argv, code, line] of codes) {
      const { ended, err } = exec(['--prefix', 'app:', '--', ...argv]);
      expect(await ended, argv.join(' ')).to.equal(code);
      expect(err()).to.equal(line);
    }
    await client.set('app:huge', 'x'.repeat(1 << 20));
    const huge = exec(['--prefix', 'app:', '--', 'env']);
    expect(await huge.ended).to.equal(126);
    expect(huge.err()).to.include('larger than a program can be given');
  });

  it('starts nothing where nobody answers, and says what to do', async () => {
    const { ended, err, out } = exec(['--prefix', 'app:', '--', 'echo', 'ran'], {}, '127.0.0.1:1');
    expect(await ended).to.equal(5);
    expect(err()).to.match(/^paramd: nothing answers at 127\.0\.0\.1:1; start one with .*\n$/);
    expect(out()).to.equal('');
    const none = exec(['--', 'env']);
    expect(await none.ended).to.equal(2);
    expect(none.err()).to.include('give --prefix');
  });

  it('passes signals on, and is there until the program is not', async () => {
    await client.set('app:a', 1n);
    const { child, ended, out, shown } = exec(['--prefix', 'app:', '--', process.execPath, program]);
    await shown('A=1');
    child.kill('SIGHUP');
    await shown('told SIGHUP');
    child.kill('SIGUSR2');
    await shown('told SIGUSR2');
    await server.close();
    child.kill('SIGTERM');
    expect(await ended).to.equal(3);
    expect(out()).to.include('told SIGTERM');
    server = await startRealServer();
  });

  describe('--restart', () => {
    const argv = (...more: string[]) => ['--prefix', 'app:', '--restart', ...more, '--', process.execPath, program];

    it('starts anew when the variables differ, and only then', async () => {
      await client.set('app:a', 1n);
      const { child, ended, out, err, shown } = exec(argv());
      await shown('A=1');
      await client.set('app:a', 1n, { labels: new Map([['team', 'x']]) });
      await client.set('unseen', 1n);
      await client.commit([
        { set: 'app:a', value: 2n },
        { set: 'app:b', value: 'x' },
      ]);
      await shown('A=2 B=x');
      await client.delete('app:b');
      await shown('A=2 B=undefined');
      child.kill('SIGTERM');
      expect(await ended).to.equal(3);
      expect(out().match(/A=\d/g)).to.deep.equal(['A=1', 'A=2', 'A=2']);
      expect(err().match(/[AB, ]+ changed: restarting/g)).to.deep.equal([
        ' A, B changed: restarting',
        ' B changed: restarting',
      ]);
      for (const [, pid] of out().matchAll(/pid=(\d+)/g)) expect(killed(Number(pid)), 'is still there').to.equal(false);
    });

    it('ends a program by force that does not end', async () => {
      await client.set('app:a', 1n);
      const { shown } = exec([...argv('--kill-after', '50ms'), 'deaf']);
      await shown('A=1');
      await client.set('app:a', 2n);
      await shown('A=2');
    });

    it('ends with a program that ends by itself', async () => {
      await client.set('app:a', 1n);
      const { ended } = exec(['--prefix', 'app:', '--restart', '--', 'sh', '-c', 'exit 7']);
      expect(await ended).to.equal(7);
    });

    it('starts nothing anew once it was told to end', async () => {
      await client.set('app:a', 1n);
      const { child, ended, out, shown } = exec([...argv('--kill-after', '1h'), 'deaf']);
      await shown('A=1');
      await client.set('app:a', 2n);
      await shown('told SIGTERM');
      child.kill('SIGTERM');
      await shown('told SIGTERM', 2);
      killed(Number(/pid=(\d+)/.exec(out())?.[1]));
      expect(await ended).to.equal(137);
      expect(out()).to.not.include('A=2');
    });

    it('keeps the program running while the server is away, and sees what changed meanwhile', async () => {
      const proxy = await startProxy(Number(server.target.split(':')[1]));
      try {
        await client.set('app:a', 1n);
        const { child, ended, out, err, shown } = exec(argv(), {}, `127.0.0.1:${proxy.port}`);
        await shown('A=1');
        proxy.mode = 'reset';
        await shown('the watch broke');
        await client.set('app:a', 2n);
        proxy.mode = 'pass';
        await shown('A=2');
        child.kill('SIGTERM');
        expect(await ended).to.equal(3);
        expect(err()).to.include('watching again');
        expect(out().match(/A=\d/g)).to.deep.equal(['A=1', 'A=2']);
      } finally {
        await proxy.close();
      }
    });

    it('keeps the variables while parameters make none', async () => {
      await client.set('app:a', 1n);
      const { shown, out } = exec(argv());
      await shown('A=1');
      await client.set('app:path', '/evil');
      await shown('the program keeps the variables that it has');
      await client.delete('app:path');
      await client.set('app:a', 2n);
      await shown('A=2');
      expect(out().match(/A=\d/g)).to.deep.equal(['A=1', 'A=2']);
    });
  });
});

/** @returns whether it was there */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
