import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Fleet, type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { block, commands } from './blocks.ts';
import { openShell, type Shell } from './shell.ts';

const KEY = 'app:config:max_users';

describe('what the papers say to type at a replica', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  let replica: FleetReplica;
  let shell: Shell;
  let folder: string;

  before(async () => {
    fleet = await startFleet({ count: 1 });
    replica = fleet.replicas[0]!;
    folder = mkdtempSync(join(tmpdir(), 'paramd-docs-'));
    shell = openShell({ cwd: folder, env: { ...process.env, PARAMD_TARGET: replica.target } });
  });
  after(async () => {
    await shell?.close();
    await fleet?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it('README.md: buf', async () => {
    const [list = '', ...calls] = commands(block('README.md', 'npx buf curl --protocol grpc --list-methods'));
    expect(await shell.type(here(list))).to.contain('parameter.v1.ParameterService/Watch');
    const answers: string[] = [];
    for (const line of calls) answers.push(await shell.type(here(line)));
    expect(answers).to.have.length(3);
    const [, shown = ''] = answers;
    expect(numberless(shown)).to.equal(numberless(block('README.md', '{\n  "parameter"')));
  });

  it('README.md: a watch by buf', async () => {
    const line = commands(block('README.md', `grpcurl -plaintext -d '{"prefixes"`)).find((one) =>
      /^npx buf /.test(one),
    );
    const watch = shell.start(here(line!));
    await watch.shown('{'); // the first response comes at once
    await replica.set({ key: KEY, value: int(120) });
    await watch.shown('"120"');
    watch.interrupt();
    await watch.ended;
  });

  it('docs/command-line.md: watch', async () => {
    await replica.set({ key: KEY, value: int(150) });
    const [command = '', ...shown] = block('docs/command-line.md', '$ npx paramd watch').trim().split('\n');
    const watch = shell.start(command.replace(/^\$ /, ''));
    await watch.shown('watching from revision');
    await replica.set({ key: KEY, value: int(200) });
    await watch.shown('(was 150)');
    watch.interrupt();
    expect(await watch.ended).to.equal(0);
    const revisionless = (text: string) => text.replaceAll(/\d\d:\d\d:\d\d/g, 'TIME').replaceAll(/revision \d+/g, 'R');
    expect(revisionless(watch.output())).to.equal(revisionless(`${shown.join('\n')}\n`));
  });

  it('docs/command-line.md: exec --restart', async () => {
    // Says what it was given, and stays.
    writeFileSync(
      join(folder, 'server.js'),
      'console.log("limit", process.env.MAX_USERS); setInterval(() => {}, 1000);',
    );
    await replica.set({ key: KEY, value: int(200) });
    const exec = shell.start(block('docs/command-line.md', '$ npx paramd exec').replace(/^\$ /, ''));
    await exec.shown('limit 200');
    await replica.set({ key: KEY, value: int(300) });
    await exec.shown('limit 300');
    exec.interrupt();
    await exec.ended;
  });

  function here(line: string): string {
    return line.replaceAll('127.0.0.1:50051', replica.target);
  }
});

/** Of JSON: its fields, in order, and what is neither a number nor a matter of luck. */
function numberless(json: string): unknown {
  return JSON.stringify(JSON.parse(json))
    .replaceAll(/\d+(\.\d+)?/g, '0')
    .replaceAll(/TIER_\w+/g, 'TIER');
}
