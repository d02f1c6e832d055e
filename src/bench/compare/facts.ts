import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import type { Cores } from './cores.ts';

/** What the figures depend on, each in a line. */
export type Facts = Readonly<Record<string, string>>;

interface Circumstances {
  readonly cores: Cores | undefined;
  readonly etcd: string | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  /** Of PostgreSQL and Valkey. */
  readonly servers: readonly string[];
}

export function factsOf({ cores, etcd, rounds, seconds, scale, servers }: Circumstances): Facts {
  const layout =
    cores === undefined
      ? 'servers and load share all cores: there is no `taskset`, or but one core'
      : `all servers (replica, PostgreSQL, Valkey, etcd, floor) on core ${cores.servers}, the load on core ${cores.load}`;
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
    layout,
    versions: [`Node ${process.versions.node}`, ...servers, etcd ?? 'no etcd'].join(', '),
    durability: 'PostgreSQL with fsync, synchronous_commit and full_page_writes on; etcd with fsync, one member',
    course: `${rounds} rounds of ${seconds} s after one to warm up${scale === 1 ? '' : `; sizes at ${scale} of the full ones`}`,
    commit: commit(),
    'load average before': loadavg()[0]!.toFixed(1),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** An installed package may lie in a checkout of something else. */
function commit(): string {
  if (!import.meta.filename.endsWith('.ts')) return 'not from a checkout';
  try {
    const ask = (...words: string[]) =>
      execFileSync('git', words, {
        encoding: 'utf8',
        cwd: import.meta.dirname,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    const changed = ask('status', '--porcelain', '--', '../..') !== '';
    return `${ask('rev-parse', '--short', 'HEAD')}${changed ? ', with changes' : ''}`;
  } catch {
    return 'not from a checkout';
  }
}
