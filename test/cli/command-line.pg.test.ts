import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { page } from '../docs/pages.ts';
import { type FleetReplica, startFleet } from '../e2e/replicas.ts';

const run = promisify(execFile);
const BLOCK_MS_MAX = 60_000;

/** `sh` is typed; what `text` then shows has to be among the lines that came, in this order. */
const blocks = [...page('docs/command-line.md').matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)].map(
  ([, language, text = '']) => ({ language, text }),
);

describe('docs/command-line.md', function () {
  this.timeout(BLOCK_MS_MAX);
  let replica: FleetReplica;
  let folder: string;
  let stop = async () => {};
  before(async () => {
    const fleet = await startFleet();
    stop = () => fleet.close();
    replica = await fleet.add();
    folder = await mkdtemp(join(tmpdir(), 'paramd-cli-'));
  });
  after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [i, { language, text }] of blocks.entries()) {
    if (language !== 'sh') continue;
    const following = blocks[i + 1];
    const expected = following?.language === 'text' ? following.text.trim().split('\n') : [];
    it(text.split('\n')[0] ?? '', async () => {
      const shown = (await type(text)).split('\n');
      for (const line of expected) {
        expect(shown, `behind the lines before it: ${line}`).to.include(line);
        shown.splice(0, shown.indexOf(line) + 1);
      }
    });
  }

  /** Without what npx costs, in a shell that stops at the first line that fails. */
  async function type(lines: string): Promise<string> {
    const npx = `npx() { shift; '${process.execPath}' '${resolve('bin/paramd.js')}' "$@"; }`;
    const options = {
      cwd: folder,
      env: { PATH: process.env.PATH, PARAMD_TARGET: replica.target, USER: 'reader' },
      timeout: BLOCK_MS_MAX,
    };
    return (await run('bash', ['-e', '-o', 'pipefail', '-c', `${npx}\n${lines}`], options)).stdout;
  }
});
