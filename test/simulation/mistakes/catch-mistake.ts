import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Hunted } from './hunt.ts';

export interface HuntBounds {
  readonly firstSeed: number;
  readonly seedsMax: number;
  readonly secondsMax: number;
}

/** For one seed: a mistake may make it run for ever. */
const SEED_MS_MAX = 30_000;

/** Simulates seeds in a process of its own, with the mistake put back or, where there is no name, with none. */
export async function huntMistake(name: string | undefined, bounds: HuntBounds): Promise<Hunted> {
  const hook = name === undefined ? [] : ['--import', new URL('hook.ts', import.meta.url).href];
  const { firstSeed, seedsMax, secondsMax } = bounds;
  const hunt = [fileURLToPath(new URL('hunt.ts', import.meta.url)), firstSeed, seedsMax, secondsMax].map(String);
  const child = spawn(process.execPath, [...hook, ...hunt], {
    env: { ...process.env, PARAMD_MISTAKE: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const startedAtMs = performance.now();
  let isStuck = false;
  const stuck = setTimeout(() => {
    isStuck = true;
    child.kill('SIGKILL');
  }, SEED_MS_MAX);
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    stuck.refresh();
  });
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [code] = await once(child, 'close');
  clearTimeout(stuck);
  const last = output.trimEnd().split('\n').at(-1)!;
  if (isStuck) {
    const violation = { promise: '', kind: 'stuck', message: `seed ${last} did not end in ${SEED_MS_MAX / 1000} s` };
    return { seeds: Number(last) - firstSeed + 1, seconds: (performance.now() - startedAtMs) / 1000, violation };
  }
  if (code !== 0) throw new Error(`the hunt for "${name}" failed with ${code}:\n${errors}`);
  return JSON.parse(last);
}
