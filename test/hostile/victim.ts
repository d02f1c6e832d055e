import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '../e2e/eventually.ts';
import { type ReplicaProcess, type Settings, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { query } from '../e2e/watch-checker.ts';
import { newFolder } from '../support/servers.ts';

export interface Memory {
  /** Heap and buffers after a collection. */
  readonly heldBytes: number;
  readonly residentBytes: number;
}

/** A replica in a process of its own. */
export interface Victim extends ReplicaProcess {
  readonly port: number;
  /** A parameter that innocent calls read. */
  readonly key: string;
  memory(): Promise<Memory>;
  /** Of everything that is stored: no two states have the same. */
  storeState(): Promise<string>;
  /** "exit code 1", or the signal; undefined: it runs. */
  exit(): string | undefined;
  /** What it has written to its standard error since the last call. */
  complaints(): string;
  stop(): Promise<void>;
}

/**
 * Whatever is freed goes back to the system at once, so that the resident size tells what is held, native memory too:
 * by default glibc keeps freed memory, a share for each thread.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' };

export async function startVictim(settings: Settings = {}): Promise<Victim> {
  const fleet = await startFleet({ count: 0 });
  try {
    const folder = newFolder('hostile');
    const file = join(folder, 'memory.json');
    const collector = pathToFileURL(join(import.meta.dirname, 'collect.ts')).href;
    const replica = await fleet.spawn({
      NODE_OPTIONS: `--import=${collector}`,
      HOSTILE_MEMORY_FILE: file,
      PARAMD_LOG_LEVEL: 'warn',
      ...ALLOCATOR,
      ...settings,
    });
    let exit: string | undefined;
    replica.ended.then((how) => {
      exit = how;
    });
    let complaints = '';
    replica.process.stderr!.on('data', (chunk) => {
      complaints += chunk;
    });
    const key = 'innocent';
    await replica.set({ key, value: int(1) });
    // Until its code is compiled and its heap has the size that it keeps.
    for (let times = 0; times < 2000; times++) await replica.get({ key });
    for (let times = 0; times < 20; times++) await replica.set({ key: 'k'.repeat(1 << 20) }).catch(() => {});
    let round = 0;
    const read = (): (Memory & { round: number }) | undefined => {
      try {
        return JSON.parse(readFileSync(file, 'utf8'));
      } catch {
        return undefined;
      }
    };
    return {
      ...replica,
      port: Number(replica.target.split(':')[1]),
      key,
      exit: () => exit,
      complaints() {
        const told = complaints;
        complaints = '';
        return told;
      },
      async memory() {
        round += 1;
        replica.process.kill('SIGUSR2');
        await eventually(() => read()?.round === round || exit !== undefined);
        if (exit !== undefined) throw new Error(`the replica ended: ${exit}`);
        return read()!;
      },
      async storeState() {
        const rows = await query<{ state: string }>(
          fleet.databaseUrl,
          `SELECT concat_ws(' ', (SELECT max(revision) FROM paramd.change), (SELECT count(*) FROM paramd.change),
             (SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) FROM paramd.current c)) AS state`,
        );
        return rows[0]!.state;
      },
      async stop() {
        await fleet.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await fleet.close();
    throw error;
  }
}
