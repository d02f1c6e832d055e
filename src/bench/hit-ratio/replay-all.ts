import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../core/cache/near-cache.ts';
import type { Replayed } from './hit-ratio-report.ts';
import { hitRatios } from './hit-ratios.ts';
import { MIXES } from './mixes.ts';
import { readTrace } from './read-trace.ts';

/** Of the distinct keys of a load. */
const SIZES = [0.001, 0.01, 0.1];

/** The traces in these files, then the generated mixes, each on every policy. */
export function replayAll(files: readonly string[]): readonly Replayed[] {
  const loads = [
    ...files.map((file) => [basename(file, '.u32be.gz'), () => readTrace(readFileSync(file))] as const),
    ...Object.entries(MIXES),
  ];
  const policies = Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[];
  return loads.map(([load, read]) => {
    const accesses = read();
    return { load, accesses: accesses.length, figures: hitRatios(accesses, SIZES, policies) };
  });
}

export function missingTraces(files: readonly string[]): readonly string[] {
  return files.filter((file) => !existsSync(file));
}
