// `npm run bench`: what a read from each tier and a write cost, beside what they are made of, in one run.
import { cpus, loadavg, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Course, Figures } from './compare/alternate.ts';
import { openBarePostgres } from './compare/bare-postgres.ts';
import { fillWorld } from './compare/bench-world.ts';
import { measureReads, measureWrites, READ_CONNECTIONS, WRITE_CONNECTIONS } from './compare/courses.ts';
import { type Facts, report } from './compare/report.ts';
import { interruption } from './interruption.ts';
import { startThrowawayServers, type ThrowawayServers } from './throwaway-servers.ts';

const USAGE = `npm run bench -- [options]

  --seconds <n>        of one round (default 1)
  --rounds <n>         after one to warm up (default 7)
  --in-flight <n,n>    calls at a time (default 1,128)
  --keys <n>           parameters (default 10000)
  --only <which>       reads or writes
  --profile <folder>   leave a CPU profile of the replica measured: for reads that of near-cache hits
  --json               every round, instead of the tables`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    'in-flight': { type: 'string', default: '1,128' },
    keys: { type: 'string', default: '10000' },
    only: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (given.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const interrupted = interruption();
  const course: Course = {
    inFlight: given['in-flight'].split(',').map(Number),
    rounds: Number(given.rounds),
    seconds: Number(given.seconds),
    signal: interrupted,
  };
  const servers = await startThrowawayServers({
    valkeyPackage: resolve('.paramd', 'valkey', 'package'),
    log: (line) => console.error(line),
  });
  try {
    const facts = await factsOf(servers, course);
    const world = await fillWorld(servers, Number(given.keys));
    const figures: Figures[] = [];
    if (given.only !== 'writes') figures.push(...(await measureReads(world, course, given.profile)));
    if (given.only !== 'reads') figures.push(...(await measureWrites(world, course, given.profile)));
    console.log(given.json ? JSON.stringify({ facts, figures }) : report(facts, figures));
  } catch (error) {
    if (!interrupted.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await servers.close();
  }
}

async function factsOf(servers: ThrowawayServers, { rounds, seconds }: Course): Promise<Facts> {
  const postgres = await openBarePostgres(servers.postgres.url, [], String, 1);
  const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method'];
  const settings = await postgres.settings(names);
  await postgres.close();
  const valkey = servers.valkey?.description ?? 'no Valkey';
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}; load average at the start ${loadavg()[0]?.toFixed(1)}`,
    software: `Node ${process.versions.node}, ${servers.postgres.description}, ${valkey}; a replica, its load and the servers are processes on this machine`,
    durability: names.map((name) => `${name} ${settings[name]}`).join(', '),
    course: `${rounds} rounds of ${seconds} s, in turn with all peers; medians; ${given.keys} parameters of 100 characters; pg with ${READ_CONNECTIONS} connections to read, ${WRITE_CONNECTIONS} to write`,
  };
}
