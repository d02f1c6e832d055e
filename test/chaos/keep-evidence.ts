import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evidence } from './fault-result.ts';

/** @returns the folder where all of it is, one record a line */
export function keepEvidence({ history, trace, logs }: Evidence): string {
  const folder = mkdtempSync(join(tmpdir(), 'paramd-chaos-'));
  writeFileSync(join(folder, 'trace.txt'), lines(trace));
  for (const [name, log] of logs) writeFileSync(join(folder, `${name}.log`), lines(log.map(json)));
  if (history === undefined) return folder;
  const { operations, watches, truth, faults, stalenessMs } = history;
  writeFileSync(join(folder, 'operations.jsonl'), lines(operations.map(json)));
  writeFileSync(join(folder, 'watches.jsonl'), lines(watches.map(json)));
  writeFileSync(join(folder, 'truth.jsonl'), lines(truth.eras.map(json)));
  writeFileSync(join(folder, 'faults.json'), json({ faults, stalenessMs }));
  return folder;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/** Revisions as text, maps as pairs. */
function json(value: unknown): string {
  return JSON.stringify(value, (_key, each) => {
    if (typeof each === 'bigint') return String(each);
    return each instanceof Map ? [...each] : each;
  });
}
