import { execFile, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { commandBlocks, page } from './pages.ts';

const run = promisify(execFile);
const DEFAULT_TARGET = '127.0.0.1:50051';
const LINE_MS_MAX = 15_000;

const [watchBlock = [], firstBlock = [], ...otherBlocks] = commandBlocks('README.md');
/** grpcurl is there in test/polyglot, which types its lines. */
const otherLines = otherBlocks.flat().filter((line) => !line.startsWith('grpcurl '));

describe('what the README says to type', function () {
  this.timeout(60_000);
  let one: FleetReplica;
  let stop = async () => {};
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    const fleet = await startFleet();
    stop = () => fleet.close();
    one = await fleet.add();
    environment = { ...process.env, PARAMD_TARGET: one.target, NO_COLOR: '1' };
  });
  after(() => stop());

  it('shows a first session, watched', async () => {
    expect(watchBlock).to.have.length(1);
    const watch = spawn('bash', ['-c', `exec ${runnable(watchBlock[0]!, one.target)}`], { env: environment });
    const ended = new Promise((settled) => watch.once('exit', settled));
    let seen = '';
    const watching = Promise.withResolvers<void>();
    for (const stream of [watch.stdout, watch.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        seen += chunk;
        if (seen.includes('watching from revision')) watching.resolve();
      });
    }
    await watching.promise;
    const answered: string[] = [];
    for (const line of firstBlock) answered.push(await type(line));
    expect(answered.slice(0, 4)).to.deep.equal([
      'app:config:max_users = 100 (int_value) at revision 1\n',
      'app:config:banner = Hello, wörld (string_value) at revision 2\n',
      'app:config:timeout = 1.500s (duration_value) at revision 3\n',
      '100\n',
    ]);
    const printed = page('README.md');
    for (const line of answered.slice(0, 3)) expect(printed).to.contain(line);
    while (!seen.includes('(revision 3)')) await new Promise((more) => watch.stdout.once('data', more));
    watch.kill('SIGINT');
    expect(await ended).to.equal(0);
  });

  for (const line of otherLines) {
    it(`${line.slice(0, 100)}`, async () => {
      expect(await type(line)).to.not.equal('');
    });
  }

  async function type(line: string): Promise<string> {
    const options = { env: environment, timeout: LINE_MS_MAX };
    return (await run('bash', ['-c', runnable(line, one.target)], options)).stdout;
  }
});

/** The same without what npx costs, at the replica of this test. */
function runnable(line: string, target: string): string {
  return line
    .replace(/^npx paramd /, `'${process.execPath}' bin/paramd.js `)
    .replace(/^npx buf /, `'${resolve('node_modules', '.bin', 'buf')}' `)
    .replaceAll(DEFAULT_TARGET, target);
}
