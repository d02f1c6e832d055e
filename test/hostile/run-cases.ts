import { setTimeout as sleep } from 'node:timers/promises';
import type { HostileCase } from './hostile-case.ts';
import type { Memory, Victim } from './victim.ts';

const MIB = 1 << 20;
/** Of heap and buffers, above the beginning of the run. */
const HELD_BYTES_MAX = 20 * MIB;
/**
 * Of the process, above the beginning of the run: for leaks of what is no JavaScript. It is wider, as glibc keeps what small
 * pieces freed in between others; it stays where it is however often the floods come again.
 */
const RESIDENT_BYTES_MAX = 160 * MIB;
/** A stalled stream is given up after 30 s. */
const SETTLE_MS = 45_000;

export interface Outcome {
  readonly group: string;
  readonly name: string;
  readonly expected: string;
  readonly observed: string;
  readonly tookMs: number;
  /** Of the innocent call after it. */
  readonly innocentMs: number;
  /** Since the beginning of the run; only where it was looked at. */
  readonly grown: Memory | undefined;
  /** For people; empty: all held. */
  readonly problems: readonly string[];
}

export interface RunOptions {
  /** For the answer to an innocent call on another connection. */
  readonly innocentMsMax: number;
  readonly tell: (outcome: Outcome) => void;
}

/** One after the other. Memory and the store are looked at after each flood and each group. */
export async function runCases(
  victim: Victim,
  cases: readonly HostileCase[],
  { innocentMsMax, tell }: RunOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const before = await victim.memory();
  for (const group of new Set(cases.map((one) => one.group))) {
    const ofGroup = cases.filter((one) => one.group === group);
    const store = await victim.storeState();
    for (const one of ofGroup) {
      const problems: string[] = [];
      const startedAtMs = performance.now();
      const observed = await one.run(victim).catch((error: unknown) => `failed: ${error}`);
      if (!one.expected.split(' or ').includes(observed)) problems.push(`told ${observed}, expected ${one.expected}`);
      const tookMs = performance.now() - startedAtMs;
      const innocentMs = await innocentCall(victim);
      if (!(innocentMs <= innocentMsMax)) problems.push(`an innocent call took ${innocentMs.toFixed(0)} ms`);
      const complaints = victim.complaints();
      if (complaints !== '') problems.push(`it wrote ${JSON.stringify(complaints.slice(0, 300))}`);
      let grown: Memory | undefined;
      if (victim.exit() !== undefined) problems.push(`the replica ended: ${victim.exit()}`);
      else if (one.flood !== undefined || one === ofGroup.at(-1)) {
        grown = await settled(victim, before);
        if (!isBack(grown)) problems.push(`memory is ${inMiB(grown)} above before`);
        if ((await victim.storeState()) !== store) problems.push('what is stored has changed');
      }
      const { name, expected } = one;
      const outcome = { group, name, expected, observed, tookMs, innocentMs, grown, problems };
      outcomes.push(outcome);
      tell(outcome);
      if (victim.exit() !== undefined) return outcomes;
    }
  }
  return outcomes;
}

async function innocentCall(victim: Victim): Promise<number> {
  const startedAtMs = performance.now();
  try {
    await victim.get({ key: victim.key });
    return performance.now() - startedAtMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** What has grown, once that is little, or when time is over. */
async function settled(victim: Victim, before: Memory): Promise<Memory> {
  const endMs = performance.now() + SETTLE_MS;
  for (;;) {
    const { heldBytes, residentBytes } = await victim.memory();
    const grown = {
      heldBytes: heldBytes - before.heldBytes,
      residentBytes: residentBytes - before.residentBytes,
    };
    if (isBack(grown) || performance.now() > endMs) return grown;
    await sleep(250);
  }
}

function isBack({ heldBytes, residentBytes }: Memory): boolean {
  return heldBytes <= HELD_BYTES_MAX && residentBytes <= RESIDENT_BYTES_MAX;
}

/** "1.5 MiB (process 17.0 MiB)" */
export function inMiB({ heldBytes, residentBytes }: Memory): string {
  return `${(heldBytes / MIB).toFixed(1)} MiB (process ${(residentBytes / MIB).toFixed(1)} MiB)`;
}
