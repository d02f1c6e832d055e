import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockFolder } from '../../src/embedded/folder-lock.ts';
import { newFolder } from '../support/servers.ts';

describe('the lock of a folder', () => {
  let folder: string;

  beforeEach(() => {
    folder = newFolder('lock');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has one owner, also within a process, until it is released', () => {
    const lock = lockFolder(folder);
    expect(() => lockFolder(folder)).to.throw(`in use by another paramd (process ${process.pid})`);
    lock.release();
    const next = lockFolder(folder);
    lock.release();
    expect(() => lockFolder(folder)).to.throw('in use');
    next.release();
    expect(existsSync(join(folder, 'lock'))).to.equal(false);
  });

  it('is free when its owner is dead, or its number is another process by now, or the line is torn', () => {
    writeFileSync(join(folder, 'lock'), '{"pid":999999999,"born":"1@x","id":"a"}\n');
    appendFileSync(
      join(folder, 'lock'),
      `{"pid":${process.pid},"born":"0@of-an-earlier-boot","id":"b"}\n{"pid":1,"bo\n`,
    );
    lockFolder(folder).release();
  });

  it('is taken by exactly one of many who find it stale at once', async () => {
    writeFileSync(join(folder, 'lock'), '{"pid":999999999,"born":"1@x","id":"a"}\n');
    const script = `import { lockFolder } from ${JSON.stringify(join(process.cwd(), 'src/embedded/folder-lock.ts'))};
      process.stdin.once('data', () => {
        try { lockFolder(process.argv[1]); console.log('owner'); } catch (error) { console.log('refused'); }
        process.stdin.once('data', () => process.exit());
      });
      console.log('ready');`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const everyone = () =>
      Promise.all(children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()));
    await everyone();
    const answers = everyone();
    for (const { stdin } of children) stdin.write('go');
    expect((await answers).sort()).to.deep.equal(['owner', 'refused', 'refused', 'refused']);
    const ended = Promise.all(children.map((child) => once(child, 'exit')));
    for (const { stdin } of children) stdin.write('end');
    await ended;
    lockFolder(folder).release();
  });
});
