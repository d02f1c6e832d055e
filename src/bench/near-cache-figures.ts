// `npm run bench:near-cache`: what a near cache in the client's process costs: a read, its memory, its start, and what an
// idle one asks of the server. Nothing is printed if a check fails.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect } from '../client/index.ts';
import { type BenchServer, startBenchServer } from './bench-server.ts';
import { interruption } from './interruption.ts';
import { measureApart, whileIdle } from './near-cache/measure-apart.ts';
import { type NearCacheFigures, nearCacheReport } from './near-cache/near-cache-report.ts';
import { writeNumbers } from './near-cache/numbers.ts';
import { median } from './quantile.ts';
import { startThrowawayServers } from './throwaway-servers.ts';

const ANY_PORT = { PARAMD_LISTEN: '127.0.0.1:0', PARAMD_HTTP_LISTEN: '127.0.0.1:0' };

const USAGE = `npm run bench:near-cache -- [options]

  --parameters <n>    (default 100000)
  --rounds <n>        of reads, after three to warm up (default 31)
  --starts <n>        of processes, for each figure that is one per process (default 5)
  --caches <n>        idle ones, at least 2 (default 200)
  --idle-seconds <n>  of each look at them, of as many looks as starts (default 10)
  --json              all that was measured, instead of the tables`;

const { values: given } = parseArgs({
  options: {
    parameters: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '31' },
    starts: { type: 'string', default: '5' },
    caches: { type: 'string', default: '200' },
    'idle-seconds': { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [parameters, rounds, starts, caches] = [given.parameters, given.rounds, given.starts, given.caches].map(
  Number,
) as [number, number, number, number];
const idleSeconds = Number(given['idle-seconds']);

if (given.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const interrupted = interruption();
  const folder = mkdtempSync(join(tmpdir(), 'paramd-near-cache-'));
  const servers = await startThrowawayServers({
    valkeyPackage: resolve('.paramd', 'valkey', 'package'),
    log: (line) => console.error(line),
  });
  let server: BenchServer | undefined;
  try {
    const env = { DATABASE_URL: servers.postgres.url, VALKEY_URL: servers.valkey?.url ?? '', ...ANY_PORT };
    server = await startBenchServer({ kind: 'replica', env });
    const figures = await measured(server, join(folder, 'parameters.snapshot'), interrupted);
    console.log(given.json ? JSON.stringify(figures) : nearCacheReport(figures));
  } catch (error) {
    if (!interrupted.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await server?.stop();
    await servers.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(server: BenchServer, snapshotFile: string, signal: AbortSignal): Promise<NearCacheFigures> {
  const { target } = server;
  const count = parameters;
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}; load average at the start ${loadavg()[0]?.toFixed(1)}`;
  const client = connect({ target });
  await writeNumbers(client, count);
  client.close();
  const fromServer = await each(starts, () => measureApart({ kind: 'start', target, count, snapshotFile }, signal));
  const fromFile = await each(starts, () => measureApart({ kind: 'snapshot', count, snapshotFile }, signal));
  const bytes = await each(Math.min(starts, 3), () => measureApart({ kind: 'bytes', target, count }, signal));
  const { many, one } = await measureApart({ kind: 'reads', target, count, rounds }, signal);
  return {
    parameters: count,
    machine,
    course: `${rounds} rounds of a million reads, in turn; ${starts} processes for each start`,
    many,
    one,
    bytes,
    serverStartsMs: fromServer.map(({ ms }) => ms),
    progressCalls: fromServer[0]!.progress,
    snapshotStartsMs: fromFile.map(({ ms }) => ms),
    idleUsPerSecond: await idleUsPerSecond(server, signal),
    idleCaches: caches,
  };
}

/** What the server uses for each beyond the first one, for which it polls the store more often. */
async function idleUsPerSecond(server: BenchServer, signal: AbortSignal): Promise<number[]> {
  const { target } = server;
  const looks = (count: number) =>
    whileIdle({ kind: 'idle', target, caches: count }, signal, () =>
      each(starts, () => cpuMsPerSecond(server, signal)),
    );
  const withOneMs = median(await looks(1));
  const withAll = await looks(caches);
  return withAll.map((ms) => ((ms - withOneMs) * 1000) / (caches - 1));
}

async function cpuMsPerSecond(server: BenchServer, signal: AbortSignal): Promise<number> {
  await sleep(1000, undefined, { signal }); // what came before is done
  const [startedMs, before] = [performance.now(), server.cpuMs()];
  await sleep(idleSeconds * 1000, undefined, { signal });
  const [endedMs, after] = [performance.now(), server.cpuMs()];
  return ((after ?? Number.NaN) - (before ?? Number.NaN)) / ((endedMs - startedMs) / 1000);
}

async function each<T>(times: number, act: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let time = 0; time < times; time++) results.push(await act());
  return results;
}
