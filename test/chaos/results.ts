import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import type { FaultResult } from './fault-result.ts';

/** What the published page is made of. */
export const RESULTS_FILE = 'test/chaos/results.json';

export interface Servers {
  readonly postgres: string;
  readonly valkey: string;
}

/** One campaign: of several the last one counts. */
export interface Results {
  readonly begun: string;
  ended: string;
  /** Of the sources; "+" behind it: with changes that are not committed. Several with commas, where runs were added later. */
  commit: string;
  readonly machine: { readonly system: string; readonly processors: string; readonly memoryBytes: number };
  readonly node: string;
  servers: Servers | undefined;
  readonly short: boolean;
  readonly seed: number;
  readonly runs: FaultResult[];
}

interface OpenOptions extends Pick<Results, 'short' | 'seed'> {
  /** To what the file has already. */
  readonly append: boolean;
}

/** Written after every run, so that a campaign that is ended early has told what it found. @param file undefined: nowhere */
export function openResults(file: string | undefined, { short, seed, append }: OpenOptions) {
  const results = append && file !== undefined && existsSync(file) ? readResults(file) : begin(short, seed);
  const commit = sourcesCommit();
  return {
    add(result: FaultResult, servers: Servers | undefined): void {
      results.runs.push(result);
      results.servers ??= servers;
      if (!results.commit.split(', ').includes(commit)) results.commit += `, ${commit}`;
      results.ended = new Date().toISOString();
      if (file !== undefined) writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
    },
  };
}

function begin(short: boolean, seed: number): Results {
  const begun = new Date().toISOString();
  return {
    begun,
    ended: begun,
    commit: sourcesCommit(),
    machine: { system: `${type()} ${release()}`, processors: processors(), memoryBytes: totalmem() },
    node: process.versions.node,
    servers: undefined,
    short,
    seed,
    runs: [],
  };
}

export function readResults(file = RESULTS_FILE): Results {
  return JSON.parse(readFileSync(file, 'utf8')) as Results;
}

function processors(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`;
}

function sourcesCommit(): string {
  try {
    const git = (...given: string[]) => execFileSync('git', given, { encoding: 'utf8', stdio: 'pipe' }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'gen', 'proto') === '' ? '' : '+';
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'unknown';
  }
}
