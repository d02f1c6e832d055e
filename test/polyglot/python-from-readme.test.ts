import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { block, commands } from '../docs/blocks.ts';
import { openShell } from '../docs/shell.ts';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { CHOSEN } from './languages.ts';

const INSTALL_MS_MAX = 5 * 60_000;

/** A folder of the reader's own, beside the checkout as the README has it. */
describe('the Python program of the README', function () {
  this.timeout(INSTALL_MS_MAX);
  let folder: string;
  let fleet: Fleet;
  before(async function () {
    if (!CHOSEN.some(({ name }) => name === 'python')) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'paramd-python-'));
    symlinkSync(process.cwd(), join(folder, 'paramd'));
    mkdirSync(join(folder, 'my-app'));
    fleet = await startFleet({ count: 1 });
  });
  after(async () => {
    await fleet?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('follows a parameter, in a folder of its own', async () => {
    const { target, set } = fleet.replicas[0]!;
    const shell = openShell({ cwd: join(folder, 'my-app'), env: { ...process.env, PARAMD_TARGET: target } });
    try {
      const lines = commands(block('README.md', 'cp -r ../paramd/proto'));
      for (const line of lines.slice(0, -1)) await shell.type(line, INSTALL_MS_MAX);
      const program = shell.start(lines.at(-1)!);
      await program.shown('max_users is 50\n');
      await set({ key: 'app:config:max_users', value: int(120) });
      await program.shown('max_users is 120\n');
      expect(program.output()).to.equal('max_users is 50\nmax_users is 120\n');
    } finally {
      await shell.close();
    }
  });
});
