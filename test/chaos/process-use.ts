import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds of its machine. */
export interface ProcessUse {
  readonly residentBytes: number;
  readonly files: number;
}

/** Linux only, as these runs are. */
export function processUse(pid: number): ProcessUse {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { residentBytes: Number(kib) * 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}
