import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { findProcess, processTree } from '../../src/embedded/process.ts';
import { newFolder, requireValkey, valkeyUrl } from '../support/servers.ts';
import { runParamd, startParamd } from './run-paramd.ts';

const COLUMNS_MAX = 99;

describe('paramd demo', function () {
  this.timeout(60_000);

  const { TMPDIR } = process.env;
  const running = () => processTree(findProcess(process.pid)!).map(({ pid }) => pid);
  let runningBefore: readonly number[];
  beforeEach(() => {
    process.env.TMPDIR = newFolder('demo');
    runningBefore = running();
  });
  afterEach('leaves no folder and no process', () => {
    expect(readdirSync(tmpdir())).to.deep.equal([]);
    process.env.TMPDIR = TMPDIR ?? '/tmp';
    expect(running()).to.deep.equal(runningBefore);
  });

  it('plays to its end on real servers', async () => {
    const { code, out, err } = await runParamd(['demo', '--fast']);
    if (valkeyUrl() !== undefined) {
      expect(err).to.equal('');
      expect(out).to.match(/shared cache +[\d.]+ ms/);
      expect(out).to.match(/the watch missed 0, and told 0 twice or out of order/);
    }
    expect(out).to.match(/two {2}delete app:config:banner/);
    for (const line of out.split('\n')) expect([...line].length, line).to.be.at.most(COLUMNS_MAX);
    expect(out, 'colours, though this is no terminal').to.not.include('\u001b');
    expect(code).to.equal(0);
  });

  for (const moment of ['Ctrl-C ends it', 'through one', 'SIGKILL']) {
    it(`ends at Ctrl-C, when it has shown "${moment}"`, async function () {
      if (moment === 'SIGKILL') requireValkey(this);
      const demo = startParamd(['demo', '--fast']);
      await demo.shown(moment);
      demo.interrupt();
      const { code, err } = await demo.ended;
      expect(err).to.include('ended, and all of it removed');
      expect(code).to.equal(0);
    });
  }
});
