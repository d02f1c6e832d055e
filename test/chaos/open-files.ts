import { readdirSync } from 'node:fs';

/** File descriptors of a process. Linux only, as these runs are. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
