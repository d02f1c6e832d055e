// `npm run hostile`: every case against a replica of its own.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startPostgres } from '../support/servers.ts';
import { allCases } from './all-cases.ts';
import { inMiB, type Outcome, runCases } from './run-cases.ts';
import { startVictim } from './victim.ts';

const INNOCENT_MS_MAX = 100;

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, json: { type: 'string' } } });
const cases = allCases().filter(({ group, name }) => `${group}: ${name}`.includes(values.only));
if (cases.length === 0) throw new Error(`no case has "${values.only}" in its group or name`);

const postgres = await startPostgres();
process.env.PARAMD_TEST_POSTGRES_URL = postgres.url;
try {
  const victim = await startVictim();
  try {
    const outcomes = await runCases(victim, cases, { innocentMsMax: INNOCENT_MS_MAX, tell });
    const failed = outcomes.filter(({ problems }) => problems.length > 0).length;
    const slowestMs = Math.max(...outcomes.map(({ innocentMs }) => innocentMs));
    const looks = outcomes.flatMap(({ grown }) => grown ?? []);
    const most = {
      heldBytes: Math.max(...looks.map(({ heldBytes }) => heldBytes)),
      residentBytes: Math.max(...looks.map(({ residentBytes }) => residentBytes)),
    };
    console.log(
      `${outcomes.length} of ${cases.length} cases, ${failed} failed; slowest innocent call ${slowestMs.toFixed(1)} ms; most memory kept ${inMiB(most)}`,
    );
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(outcomes, null, 2)}\n`);
    if (failed > 0 || outcomes.length < cases.length) process.exitCode = 1;
  } finally {
    await victim.stop();
  }
} finally {
  await postgres.close();
}

function tell({ group, name, observed, innocentMs, grown, problems }: Outcome): void {
  const memory = grown === undefined ? '' : `, keeps ${inMiB(grown)}`;
  console.log(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${group}: ${name} → ${observed} (${innocentMs.toFixed(1)} ms${memory})`,
  );
  for (const problem of problems) console.log(`     ${problem}`);
}
