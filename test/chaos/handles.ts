import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SiteReplica } from './site.ts';

/** Pools grow with what is asked of them, up to this more than they happened to have before. */
const CONNECTIONS_MORE_MAX = 4;
/** Besides connections: clients of the fault and of /metrics that have just left. */
const FILES_MORE_MAX = 16;
const LOOK_MS = 50;

/** What a replica holds open. */
export interface Handles {
  readonly pid: number;
  readonly files: number;
  readonly store: number;
  readonly valkey: number;
}

/** Of each replica that runs, by name. */
export function handlesOf(replicas: readonly SiteReplica[]): ReadonlyMap<string, Handles> {
  const running = replicas.filter((replica) => replica.running);
  return new Map(
    running.map(({ name, pid, links }) => [
      name,
      { pid, files: openFiles(pid), store: links.store.connections, valkey: links.valkey.connections },
    ]),
  );
}

/** Waits until they are back to about what they were. @returns what is not within that time */
export async function handlesBack(
  before: ReadonlyMap<string, Handles>,
  replicas: readonly SiteReplica[],
  msMax: number,
): Promise<readonly string[]> {
  const startedMs = performance.now();
  for (;;) {
    const leaks = [...handlesOf(replicas)].flatMap(([name, now]) => leaksOf(name, before.get(name), now));
    if (leaks.length === 0 || performance.now() - startedMs > msMax) return leaks;
    await sleep(LOOK_MS);
  }
}

/** A replica that was started again is held against what it had in its former life. */
function leaksOf(name: string, before: Handles | undefined, now: Handles): string[] {
  if (before === undefined) return [];
  const bounds = { files: FILES_MORE_MAX, store: CONNECTIONS_MORE_MAX, valkey: CONNECTIONS_MORE_MAX };
  const what = { files: 'open files', store: 'connections to PostgreSQL', valkey: 'connections to Valkey' };
  return (['files', 'store', 'valkey'] as const)
    .filter((kind) => now[kind] > before[kind] + bounds[kind])
    .map((kind) => `${name} holds ${now[kind]} ${what[kind]}, ${before[kind]} before the fault`);
}

/** 0 where the system does not tell. */
function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
