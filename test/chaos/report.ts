/** `npm run chaos:report`: writes docs/reliability.md from the results that are committed. No figure of it is by hand. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { markdownTable } from '../../src/bench/markdown-table.ts';
import type { CampaignResult } from '../simulation/campaign-result.ts';
import { type MistakesReport, tableOf } from '../simulation/mistakes/report.ts';
import type { FaultResult, Note } from './fault-result.ts';
import { GROUP_TITLES } from './group-titles.ts';
import { RESULTS_FILE, type Results, readResults } from './results.ts';

const LINE_CHARACTERS_MAX = 120;
const PAGE = 'docs/reliability.md';
const MISTAKES_FILE = 'test/simulation/mistakes/result.json';
const SIMULATION_FILE = 'test/simulation/result.json';
const MENDED_FILE = 'test/chaos/mended.json';

/** What the runs found in paramd itself. */
interface Mended {
  readonly what: string;
  readonly foundBy: string;
  /** Subject of the commit that mended it. */
  readonly commit: string;
}

export function reliabilityPage(): string {
  const results = readResults();
  return [
    introduction(results),
    '## Faults of real processes',
    setting(results),
    ...faultTables(results),
    figures(results),
    simulation(read<CampaignResult>(SIMULATION_FILE)),
    mistakes(read<MistakesReport>(MISTAKES_FILE)),
    mended(read<readonly Mended[]>(MENDED_FILE) ?? []),
    ['## What is not promised', '', ...NOT_PROMISED.map((entry) => wrapped(`- ${entry}`))].join('\n'),
  ]
    .filter((section) => section !== '')
    .map((section) => `${section}\n`)
    .join('\n');
}

function introduction({ runs }: Results): string {
  const { held, failed, notRun } = outcomes(runs);
  const operations = sum(runs, ({ counts }) => counts.reads + counts.writes);
  const events = sum(runs, ({ counts }) => counts.watchEvents);
  const violations = sum(runs, ({ violations: found }) => found);
  const all = failed === 0 ? 'Every run held' : `${number(held)} of ${number(held + failed)} runs held`;
  const summary = `What was broken, how often, and what became of the [contract](../README.md#why-to-trust-it).
${count(held + failed, 'run')} of ${count(faultNames(runs).length, 'fault')}, with ${number(operations)} calls and
${number(events)} events of watches that were all checked: ${count(violations, 'violation')} of the contract. ${all}
all that is demanded${notRun === 0 ? '' : `; ${notRun} could not be run on that machine`}.`;
  return `# Reliability

${wrapped(summary)}

How it is known: traffic records every call and every response of a watch on one clock; what really was committed is read
from PostgreSQL itself, past every replica, also from servers that a failover left behind. A checker that shares no code
with paramd then holds each answer against that: every acknowledged write is in the log once, at its revision; every
answer is the state at the revision that it names; no unflagged answer is staler than its bound; no session goes back; no
watch has a gap, a double, or a split revision. \`test/history\` is the checker, \`test/chaos\` breaks things.`;
}

function setting({ begun, commit, machine, node, servers, short, seed, runs }: Results): string {
  const minutes = Math.round(runs.reduce((sum, { durationMs }) => sum + durationMs, 0) / 60_000);
  const rate = runs.map(({ metrics }) => (metrics === undefined ? undefined : ratePerSecond(metrics.baseline)));
  const traffic = `Three replicas, PostgreSQL (\`fsync on\`; where the fault needs them, with standbys) and Valkey (where needed with a
replica), a TCP proxy on every link. Traffic of ${range(rate.filter((each) => each !== undefined))} calls a second before the
fault, a fifth of them writes, with nine watches, goes on through all of it: gets, batches, lists, linearizable reads,
staleness bounds, revisions carried from replica to replica, conditions, and retries with request ids. The near caches
hold fewer parameters than are asked for, so that all three tiers answer.`;
  const judged = `Each run has a quiet ${short ? '1.5' : '10'} s, the fault, and at least ${short ? '2' : '20'} s after healing. Of each is demanded: no
violation, no exit of a process but the injected ones, no error in a log, no connection or file left open, and
convergence: within ${short ? '10' : '5'} s of healing every replica answers a linearizable read and a write, and every watch is at the head.
Clients of the traffic go to each replica in turn whatever its state, and do a read once: what a dead or frozen replica is
asked counts as not served (\`paramd/client\` would ask another one). Converged and p99 are the worst of all runs.`;
  return `${wrapped(traffic)}

- run: ${begun.slice(0, 10)}, ${minutes} minutes, at commit \`${commit}\`, seed ${seed}${short ? '; the short scale of CI: every fault lasts seconds' : ''}
- machine: ${machine.processors}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.system}; load, proxies and all servers share it
- software: Node ${node}, PostgreSQL ${servers?.postgres ?? 'unknown'}, Valkey ${servers?.valkey ?? 'unknown'}

${wrapped(judged)}`;
}

function faultTables({ runs }: Results): string[] {
  const groups = Object.keys(GROUP_TITLES).filter((title) => runs.some(({ group }) => group === title));
  return groups.map((group) => {
    const names = faultNames(runs.filter((run) => run.group === group));
    const rows = names.map((name) => faultRow(runs.filter((run) => run.name === name)));
    const also = runs.filter((run) => run.group === group && run.also !== '');
    const demanded = [...new Set(also.map((run) => run.also))].map((demand) => {
      const held = faultNames(also.filter((run) => run.also === demand));
      return wrapped(`- ${held.join('; ')}: ${demand}`);
    });
    const heading = ['', 'runs held', 'calls', 'events', 'reads served', 'writes served', 'p99 reads', 'converged'];
    return [`### ${GROUP_TITLES[group] ?? group}`, '', ...markdownTable([heading, ...rows]), ...besides(demanded)].join(
      '\n',
    );
  });
}

function besides(demanded: readonly string[]): string[] {
  return demanded.length === 0 ? [] : ['', 'Demanded besides:', '', ...demanded];
}

function faultRow(runs: readonly FaultResult[]): string[] {
  const { held, failed, notRun } = outcomes(runs);
  const name = runs[0]!.name;
  if (held + failed === 0) return [name, `not run (${notRun})`, '', '', '', '', '', ''];
  const phases = runs.flatMap(({ metrics }) => (metrics === undefined ? [] : [metrics.fault]));
  const share = (kind: 'reads' | 'writes') => {
    const all = phases.reduce((total, phase) => total + phase[kind].count, 0);
    return all === 0 ? '' : percent(phases.reduce((total, phase) => total + phase[kind].succeeded, 0) / all);
  };
  const p99 = Math.max(...phases.map(({ reads }) => reads.p99Ms ?? Number.NaN).filter(Number.isFinite));
  const converged = Math.max(...runs.map(({ metrics }) => metrics?.convergedMs ?? 0));
  return [
    name,
    `${held} of ${held + failed}`,
    number(sum(runs, ({ counts }) => counts.reads + counts.writes)),
    number(sum(runs, ({ counts }) => counts.watchEvents)),
    share('reads'),
    share('writes'),
    Number.isFinite(p99) ? milliseconds(p99) : '',
    milliseconds(converged),
  ];
}

/** What the faults measured besides: of several runs the range. */
function figures({ runs }: Results): string {
  const rows: string[][] = [];
  for (const name of faultNames(runs)) {
    const notes = runs.filter((run) => run.name === name).flatMap((run) => run.notes);
    for (const what of new Set(notes.map((note) => note.name))) {
      rows.push([name, what, noted(notes.filter((note) => note.name === what))]);
    }
    const longer = runs.find((run) => run.name === name)!.convergence;
    if (longer.reason !== undefined)
      rows.push([name, 'convergence allowed', `${milliseconds(longer.msMax)}: ${longer.reason}`]);
  }
  if (rows.length === 0) return '';
  return [
    '### Measured besides',
    '',
    'Least and greatest of all runs:',
    '',
    ...markdownTable([['', '', 'measured'], ...rows]),
  ].join('\n');
}

function noted(notes: readonly Note[]): string {
  const values = notes.map(({ value }) => value);
  const least = Math.min(...values);
  const most = Math.max(...values);
  const shown = { ms: milliseconds, count: number, ratio: share, bytes: mebibytes }[notes[0]!.unit];
  return shown(least) === shown(most) ? shown(most) : `${shown(least)} to ${shown(most)}`;
}

function simulation(result: CampaignResult | undefined): string {
  if (result === undefined) return '';
  const { seeds, operations, watchEvents, faults, epochs, violations, command } = result;
  const told = `The core runs on virtual time over adapters in memory that lose, delay, double and reorder messages, fail before or
after a commit took effect, serve old contents, promote standbys that miss commits, two of them apart, let former primaries
come back, and stop and crash replicas at any await. One seed decides everything, so a history that breaks the contract can
be seen again. What clients saw is held against what was really committed, as in the faults of real processes, and against
when it was.`;
  return `## Simulation

${wrapped(told)}

- run: \`${command}\`
- histories, each of its own seed: ${number(seeds)}
- calls, and responses of watches: ${number(operations)}; events of watches: ${number(watchEvents)}
- faults injected: ${number(faults)}; epochs begun: ${number(epochs)}
- found: ${count(violations, 'violation')} of the contract`;
}

function mistakes(result: MistakesReport | undefined): string {
  if (result === undefined) return '';
  return [
    '## Mistakes put back',
    '',
    'A test that finds nothing may be blind. So mistakes that such systems are known for were put into the sources, one at a',
    'time, and the simulation had to find each. Seeds are how many histories it took.',
    `Without any mistake: ${without(result)}.`,
    '',
    ...tableOf(result),
  ].join('\n');
}

function without({ without: { seeds, caught } }: MistakesReport): string {
  if (caught === null) return `no violation in ${number(seeds)} histories`;
  return `a violation in history ${number(seeds)}, ${caught.promise} ${caught.kind}`;
}

function mended(all: readonly Mended[]): string {
  if (all.length === 0) return '';
  const rows = all.map(({ what, foundBy, commit }) => [what, foundBy, commit]);
  return ['## Found and mended', '', ...markdownTable([['What was wrong', 'Found by', 'Commit'], ...rows])].join('\n');
}

/** One entry each. */
const NOT_PROMISED = [
  '**An asynchronous failover loses what it loses.** A commit that PostgreSQL acknowledged and the standby never received is gone, and so is the write that paramd acknowledged. What paramd does promise: clients are told (a new epoch, `REVISION_LOST`), no cache keeps a value of the lost future, and no revision is issued twice. Whoever cannot lose a write needs a synchronous standby.',
  '**An old primary that is not fenced** goes on acknowledging writes to whoever still reaches it. A replica that polls it cannot know of the new one. Staleness bounds hold against the primary that a replica polls (C5): the failover set-up must fence the old one.',
  "**Clock rates.** The bounds assume that the monotonic clocks of a replica's machine run within 0.1 % of true time. Wall clocks are not relied on.",
  '**A restored backup** in the same timeline is noticed by the replicas that saw more than it has. One that starts afterwards with nothing in memory cannot know what was lost.',
  '**Sleeps of a machine below 100 ms** go unnoticed, and make the age that an answer tells too young by as much.',
  '**Goodput under overload, of clients that hold nothing back.** A replica refuses what it cannot answer in time from the headers of the call, but even that takes 30 to 50 µs. At five times the load it leaves half to nine tenths of the goodput, where calls cost a millisecond as they do in these runs, and less where they cost less. The client for TypeScript sends about twice of what is answered and keeps back the rest. With other clients, keep room, and bound each connection (`PARAMD_CONNECTION_CALLS_PER_SECOND`).',
  '**What short runs do not show**: leaks slower than a minute, faults that take hours, disks that lie about `fsync`, kernels and machines that fail whole, networks between real machines. All of this ran on one machine, over loopback.',
  '**A checker of histories finds violations; it does not prove that there can be none.** It says of these runs that nobody was told anything false.',
];

/** Paragraphs and entries of lists as the papers have them. */
function wrapped(text: string): string {
  const indent = text.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > LINE_CHARACTERS_MAX) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

function outcomes(runs: readonly FaultResult[]): { held: number; failed: number; notRun: number } {
  const of = (wanted: FaultResult['outcome']) => runs.filter(({ outcome }) => outcome === wanted).length;
  return { held: of('held'), failed: of('failed'), notRun: of('not run') };
}

function faultNames(runs: readonly FaultResult[]): string[] {
  return [...new Set(runs.map(({ name }) => name))];
}

function ratePerSecond({
  startMs,
  endMs,
  reads,
  writes,
}: NonNullable<FaultResult['metrics']>['baseline']): number | undefined {
  return endMs - startMs < 1000 ? undefined : ((reads.count + writes.count) * 1000) / (endMs - startMs);
}

function range(values: readonly (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined);
  return `${number(Math.min(...known))} to ${number(Math.max(...known))}`;
}

function sum(runs: readonly FaultResult[], of: (run: FaultResult) => number): number {
  return runs.reduce((total, run) => total + of(run), 0);
}

function count(many: number, one: string): string {
  if (many === 0) return `no ${one}`;
  return `${number(many)} ${one}${many === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function share(ratio: number): string {
  return ratio.toFixed(2);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Never rounded up to all of them. */
function percent(ratio: number): string {
  return `${(Math.floor(ratio * 10_000) / 100).toFixed(2)} %`;
}

function read<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

if (import.meta.main) {
  if (!existsSync(RESULTS_FILE)) throw new Error(`${RESULTS_FILE} is not there: npm run chaos writes it`);
  writeFileSync(PAGE, reliabilityPage());
  console.log(`${PAGE} is written; npm run format puts its tables in order`);
}
