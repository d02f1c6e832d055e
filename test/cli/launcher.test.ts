import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { toValue } from '../../src/client/index.ts';
import { type FakeServer, startFakeServer } from '../client/fake-server.ts';

const launcher = resolve('bin/paramd.js');
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** A Node that is too old for TypeScript, where the machine has one. */
async function oldNode(): Promise<string | undefined> {
  for (const folder of ['/usr/bin', '/usr/local/bin']) {
    const node = join(folder, 'node');
    if (!existsSync(node)) continue;
    const { stdout } = await promisify(execFile)(node, ['--version']);
    if (Number(stdout.slice(1).split('.')[0]) < 22) return node;
  }
  return undefined;
}

interface Spawned {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

describe('bin/paramd.js', () => {
  let fake: FakeServer;
  before(async () => {
    fake = await startFakeServer();
  });
  after(() => fake.close());

  function paramd(node: string, argv: readonly string[], act: (child: ReturnType<typeof start>) => void = () => {}) {
    const child = start(node, argv);
    act(child);
    return new Promise<Spawned>((done) => {
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk) => {
        out += chunk;
      });
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      child.on('close', (code, signal) => done({ code, signal, out, err }));
    });
  }

  function start(node: string, argv: readonly string[]) {
    return spawn(node, [launcher, ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PARAMD_TARGET: fake.target },
    });
  }

  for (const which of ['this Node', 'an old Node']) {
    describe(`on ${which}`, () => {
      let node = process.execPath;
      before(async function () {
        if (which === 'this Node') return;
        const old = await oldNode();
        if (old === undefined) this.skip();
        else node = old;
      });

      it('tells the version', async () => {
        expect(await paramd(node, ['--version'])).to.include({ code: 0, out: `${version}\n`, err: '' });
      });

      it('passes on exit codes, output and stdin', async () => {
        expect(await paramd(node, ['get', 'nope'])).to.include({ code: 3, err: 'paramd: nope does not exist\n' });
        const set = paramd(node, ['set', 'k', '-'], ({ stdin }) => stdin.end('100\n'));
        expect((await set).out).to.include('k = 100 (int_value)');
      });

      it('ends a watch at SIGINT and at SIGTERM with 0', async () => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) {
          const ended = await paramd(node, ['watch'], (child) => {
            child.stderr.once('data', () => child.kill(signal));
          });
          expect(ended, signal).to.include({ code: 0, signal: null });
        }
      });

      it('passes on the signals that a program under exec may know', async () => {
        const script = 'trap "echo told; exit 7" USR2; echo ready; for i in $(seq 300); do sleep 0.05; done';
        const ended = await paramd(node, ['exec', '--prefix', '', '--', 'sh', '-c', script], (child) => {
          child.stdout.once('data', () => child.kill('SIGUSR2'));
        });
        expect(ended).to.include({ code: 7, out: 'ready\ntold\n' });
      });

      it('leaves nothing running when it is killed', async () => {
        // Whatever it started has its stderr, which is closed when all of it has ended.
        const ended = await paramd(node, ['watch'], (child) => {
          child.stderr.once('data', () => child.kill('SIGKILL'));
        });
        expect(ended).to.include({ code: null, signal: 'SIGKILL' });
      });

      it('is quiet when its reader has gone', async () => {
        for (let i = 0; i < 2000; i++) fake.put(`many:${i}`, toValue('x'.repeat(200)));
        const { code, err } = await paramd(node, ['list', 'many:', '-o', 'json'], ({ stdout }) => {
          stdout.once('data', () => stdout.destroy());
        });
        expect({ code, err }).to.deep.equal({ code: 0, err: '' });
      });
    });
  }
});
