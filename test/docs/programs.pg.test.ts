import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { examples, expectPart, pages, parts } from './pages.ts';

const run = promisify(execFile);
const PROGRAM_MS_MAX = 20_000;
/** Runs until it is stopped, so it has a test of its own. */
const LIVE = 'examples/typescript/live-parameter.ts';
/** Prints how long it took, and checks itself. */
const UNIT_TEST = 'examples/typescript/unit-test.ts';

describe('the programs in the papers', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  before(async () => {
    fleet = await startFleet({ count: 1 });
  });
  after(() => fleet?.close());

  const argv = (example: string) => ['--import', './test/docs/paramd-from-source.ts', example];
  const env = () => ({ ...process.env, PARAMD_TARGET: fleet.replicas[0]!.target, NO_COLOR: '1' });

  for (const example of examples().filter((name) => name !== LIVE && name !== UNIT_TEST)) {
    it(`${example} prints what its page says`, async () => {
      const { stdout } = await run(process.execPath, argv(example), { env: env(), timeout: PROGRAM_MS_MAX });
      const shownOn = pages().filter((name) => parts(name, 'output').has(example));
      expect(shownOn, 'pages with its output').to.not.be.empty;
      for (const name of shownOn) expectPart(name, `output ${example}`, `\`\`\`\n${stdout}\`\`\`\n`);
    });
  }

  it(`${UNIT_TEST} passes`, async () => {
    const { stdout } = await run(process.execPath, argv(UNIT_TEST), { env: env(), timeout: PROGRAM_MS_MAX });
    expect(stdout).to.match(/pass 2\n.*fail 0\n/s);
  });

  it(`${LIVE} follows a parameter`, async () => {
    const program = spawn(process.execPath, argv(LIVE), { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
      expect((await lines.next()).value).to.equal('max_users is 50');
      const { parameter } = await fleet.replicas[0]!.set({ key: 'app:config:max_users', value: int(120) });
      expect((await lines.next()).value).to.equal('max_users is now 120');
      expect(parameter?.version).to.equal(1n);
    } finally {
      program.kill('SIGINT');
      await once(program, 'exit');
    }
  });
});
