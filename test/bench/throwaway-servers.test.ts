import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sweepKilledRuns } from '../../src/bench/throwaway-servers.ts';
import { lockFolder } from '../../src/embedded/folder-lock.ts';
import { findProcess } from '../../src/embedded/process.ts';
import { rememberProcess } from '../../src/embedded/remembered-process.ts';

describe('what a killed run leaves', () => {
  let within: string;
  beforeEach(() => {
    within = mkdtempSync(join(tmpdir(), 'paramd-sweep-'));
  });
  afterEach(() => rmSync(within, { recursive: true, force: true }));

  /** As a run would have it that started this server. */
  function runWith(server: string) {
    const folder = join(within, 'paramd-throwaway-one');
    mkdirSync(join(folder, server), { recursive: true });
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    rememberProcess(join(folder, server, 'process'), findProcess(child.pid!)!);
    return { folder, child, ended: once(child, 'exit') };
  }

  it('is ended and removed by the next one, whatever server it is', async () => {
    const { folder, ended } = runWith('etcd');
    await sweepKilledRuns(within, 0);
    await ended;
    expect(existsSync(folder)).to.equal(false);
  });

  it('is left alone as long as its run lives, or may be about to begin', async () => {
    const { folder, child, ended } = runWith('etcd');
    await sweepKilledRuns(within);
    const held = lockFolder(folder);
    await sweepKilledRuns(within, 0);
    expect(existsSync(folder)).to.equal(true);
    expect(child.exitCode).to.equal(null);
    expect(child.signalCode).to.equal(null);
    held.release();
    child.kill();
    await ended;
  });
});
