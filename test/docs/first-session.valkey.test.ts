import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { findPostmaster } from '../../src/embedded/postmaster.ts';
import { signalTree } from '../../src/embedded/process.ts';
import { userEnvironment } from '../package/installed-package.ts';
import { newFolder, requireValkey, valkeyPackageFolder } from '../support/servers.ts';
import { block, commands } from './blocks.ts';
import { type OpenLine, openShell, type Shell } from './shell.ts';

/** In order: each test goes on where the one before it ended. */
describe('the first session of the README', function () {
  this.timeout(60_000);
  let folder: string;
  let shells: Shell[];
  let paramd: OpenLine;
  let watch: OpenLine;
  let third: Shell;

  before(async function () {
    requireValkey(this);
    folder = checkout();
    const env = { ...userEnvironment(), PARAMD_LISTEN: '127.0.0.1:0', PARAMD_HTTP_LISTEN: '127.0.0.1:0' };
    const first = openShell({ cwd: folder, env });
    shells = [first];
    paramd = first.start('npm start');
    await paramd.shown('Ctrl-C stops all of it');
    const target = /gRPC on ([\d.:]+)/.exec(paramd.output())?.[1];
    const client = { cwd: folder, env: { ...env, PARAMD_TARGET: target } };
    const second = openShell(client);
    third = openShell(client);
    shells.push(second, third);
    watch = second.start(block('README.md', 'npx paramd watch app:config:'));
    await watch.shown('watching from revision');
  });
  after(async () => {
    await Promise.all(shells?.map((shell) => shell.close()) ?? []);
    const left = findPostmaster(join(folder, '.paramd', 'postgres', 'data'));
    if (left !== undefined) signalTree(left, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('begins as npm start prints it', () => {
    const [command, ...shown] = block('README.md', '$ npm start').split('\n');
    expect(command).to.equal('$ npm start');
    expect(timeless(paramd.output())).to.contain(timeless(shown.join('\n')));
  });

  it('writes, reads and lists', async () => {
    const answers: string[] = [];
    for (const line of commands(block('README.md', 'npx paramd set app:config:max_users 100'))) {
      answers.push(await third.type(line));
    }
    expect(timeless(answers.join(''))).to.equal(timeless(block('README.md', 'app:config:max_users = 100 (int')));
  });

  it('is watched', async () => {
    await watch.shown('(revision 3)');
    expect(timeless(watch.output())).to.equal(timeless(block('README.md', 'paramd: watching from revision')));
  });

  it('keeps the kind of a key', async () => {
    const { ended, output } = third.start('npx paramd set app:config:max_users many');
    expect(await ended).to.equal(4);
    expect(output()).to.contain('--allow-kind-change');
  });

  it('goes on without Valkey', async () => {
    const [kill = '', set = '', get = '', stats = ''] = commands(block('README.md', 'kill -9 $(grep'));
    const [wasSet, wasGot, busState = ''] = block('README.md', 'app:config:max_users = 120').split('\n');
    await third.type(kill);
    expect(await third.type(set)).to.equal(`${wasSet}\n`);
    expect(await third.type(get)).to.equal(`${wasGot}\n`);
    expect((await third.type(stats)).split('\n')).to.include(busState);
    await watch.shown('= 120  (revision 4)');
  });

  it('ends at Ctrl-C', async () => {
    watch.interrupt();
    expect(await watch.ended).to.equal(0);
    paramd.interrupt();
    await paramd.ended;
    expect(findPostmaster(join(folder, '.paramd', 'postgres', 'data'))).to.equal(undefined);
  });
});

/** What `npm start` needs of one, with no data, and with the Valkey that this machine has fetched before. */
function checkout(): string {
  const folder = newFolder('checkout');
  // The user of the embedded PostgreSQL must reach it, as below any ordinary folder.
  chmodSync(folder, 0o755);
  copyFileSync('package.json', join(folder, 'package.json'));
  for (const name of ['bin', 'node_modules']) symlinkSync(resolve(name), join(folder, name));
  mkdirSync(join(folder, '.paramd', 'valkey'), { recursive: true });
  symlinkSync(valkeyPackageFolder(), join(folder, '.paramd', 'valkey', 'package'));
  return folder;
}

/** Without what differs from run to run, from one distribution's Valkey to the next, and what nobody sees. */
function timeless(text: string): string {
  return text
    .replaceAll(/(127\.0\.0\.1):\d+/g, '$1:PORT')
    .replaceAll(/ --target \S+/g, '')
    .replaceAll(/Valkey [\d.]+/g, 'Valkey VERSION')
    .replaceAll(/\d{4}-\d\d-\d\d (?=\d\d:)/g, 'DAY ')
    .replaceAll(/\d\d:\d\d:\d\d/g, 'TIME')
    .replaceAll(/ +$/gm, '');
}
