import { createServer, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { toValue } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from '../client/fake-server.ts';
import { runParamd } from './run-paramd.ts';

const COMMANDS = [
  ...['get', 'set', 'delete', 'commit', 'list', 'watch', 'export', 'import', 'exec'],
  ...['health', 'stats', 'warm', 'demo', 'dev', 'serve', 'migrate'],
];

describe('paramd', () => {
  let fake: FakeServer;
  beforeEach(async () => {
    fake = await startFakeServer();
  });
  afterEach(() => fake.close());

  const paramd = (line: string) => runParamd(line.split(' '), { env: { PARAMD_TARGET: fake.target } });

  it('prints help and version', async () => {
    const { code, out } = await paramd('--help');
    expect(code).to.equal(0);
    for (const command of COMMANDS) expect(out).to.match(new RegExp(`^  ${command}\\b`, 'm'));
    expect(out).to.include('Exit codes:');
    expect((await paramd('--version')).out).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('has examples in the help of every command, in lines that fit', async () => {
    const { out } = await paramd('--help');
    const commands = [...out.matchAll(/^ {2}([a-z]+)\S* .*(?<!the version|print help)$/gm)].map(
      ([, name = '']) => name,
    );
    expect(commands).to.include.members(COMMANDS);
    for (const command of ['', ...commands.filter((name) => name !== 'help' && name !== 'paramd')]) {
      const help = await paramd(`${command} --help`.trim());
      expect(help, command).to.include({ code: 0, err: '' });
      const example = new RegExp(`\\nExamples?:\\n  .*\\bparamd ${command}`);
      expect(help.out, command).to.match(example);
      const width = command === 'dev' || command === 'serve' ? 200 : 120;
      for (const line of help.out.split('\n')) expect(line.length, line).to.be.at.most(width);
    }
  });

  it('says in one line what is wrong with the command line, and ends with 2', async () => {
    const lines = ['gte k', 'get', 'get k --nope', 'get k -o xml', 'get k --timeout 5', 'get k --timeout 0s'];
    lines.push(
      'set k v --kind number',
      'set k v --label x',
      'set k v --if-revision -1',
      'ls --limit 0',
      'get k --tls-cert x',
    );
    lines.push('get k --target nowhere', 'get k --at-least-revision 1.5', 'get k --tls-ca /nowhere');
    for (const line of lines) {
      const { code, out, err } = await paramd(line);
      expect({ code, out }, line).to.deep.equal({ code: 2, out: '' });
      expect(err, line).to.match(/^paramd: [^\n]+\n$/);
    }
    expect((await paramd('gte k')).err).to.include('Did you mean get?');
  });

  it('tells health by the exit code', async () => {
    expect(await paramd('health')).to.deep.equal({ code: 0, out: 'serving\n', err: '' });
    fake.serving = false;
    expect(await paramd('health')).to.deep.equal({ code: 5, out: '', err: 'paramd: not serving\n' });
    expect((await paramd('health -o json')).out).to.equal('{"status":"NOT_SERVING"}\n');
    expect((await paramd('health --service unheard')).code).to.equal(3);
    expect((await paramd('health --target 127.0.0.1:1')).code).to.equal(5);
  });

  it('shows statistics', async () => {
    const { code, out } = await paramd('stats');
    expect(code).to.equal(0);
    expect(out)
      .to.match(/^replica {3,}fake-1 \(paramd 0\.0\.0\)\n/)
      .and.to.include('disabled: there is no Valkey');
    expect(out).to.match(/\nnear cache +9 +1 +90\.0 % +3 +2048 +0\n$/);
    expect(JSON.parse((await paramd('stats -o json')).out).tiers[0]).to.include({ hits: '9', hitRatio: 0.9 });
  });

  it('warms, with progress on stderr', async () => {
    for (const key of ['a', 'b']) fake.put(key, toValue(1n));
    expect(await paramd('warm')).to.deep.equal({ code: 0, out: '2 keys warmed\n', err: 'paramd: 1 keys warmed\n' });
    await paramd('warm a --rate 50');
    expect(fake.calls.at(-1)?.request).to.include({ prefix: 'a', maxKeysPerSecond: 50 });
  });

  it('says whom it asked in vain', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const { code, err } = await paramd(`get k --target 127.0.0.1:${port} --timeout 150ms`);
    expect(code).to.equal(5);
    expect(err).to.match(new RegExp(`^paramd: no answer from 127\\.0\\.0\\.1:${port} in time; --timeout .*\\n$`));
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  it('says what to do when nobody is there, for writes too', async () => {
    for (const line of ['get k', 'set k v --kind string', 'rm k', 'ls', 'stats', 'warm']) {
      const { code, err } = await paramd(`${line} --target 127.0.0.1:1`);
      expect({ code, err }, line).to.deep.equal({
        code: 5,
        err: 'paramd: nothing answers at 127.0.0.1:1; start one with `npx paramd dev`, or give --target / PARAMD_TARGET\n',
      });
    }
  });

  it('passes on what the server says, by its exit code', async () => {
    const codes: [number, string, number][] = [
      [status.INVALID_ARGUMENT, 'INVALID_FIELD', 1],
      [status.ABORTED, 'REVISION_MISMATCH', 4],
      [status.FAILED_PRECONDITION, 'REQUEST_ID_REUSED', 4],
      [status.DATA_LOSS, 'REVISION_LOST', 1],
      [status.INTERNAL, 'UNFORESEEN', 1],
    ];
    for (const [status, reason, code] of codes) {
      fake.before.push({
        method: 'get',
        run: () => {
          throw failure(status, reason, {}, { message: `about\n${reason}` });
        },
      });
      expect(await paramd('get k')).to.deep.equal({ code, out: '', err: `paramd: about ${reason}\n` });
    }
  });
});
