import type { Comparison } from './comparison.ts';
import { splitCores, stayOn } from './cores.ts';
import { findEtcd } from './etcd-server.ts';
import { factsOf } from './facts.ts';
import { type Compared, runComparison } from './run-comparison.ts';
import { withWorld } from './world.ts';

export interface CompareSettings {
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  readonly profileFolder: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly valkeyPackage: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Told what is being done, and how much of all is. */
  readonly progress: (what: string, share: number) => void;
}

/** One comparison after the other, each with servers of its own. This process stays on the core of the servers. */
export async function compareAll(
  comparisons: readonly Comparison[],
  { rounds, seconds, scale, profileFolder, env, valkeyPackage, signal, log, progress }: CompareSettings,
): Promise<readonly Compared[]> {
  const etcd = findEtcd(env);
  const cores = splitCores();
  if (cores !== undefined) stayOn(cores.servers);
  const world = { cores, etcd: etcd?.program, scale, profileFolder, valkeyPackage, signal, log };
  const servers = await withWorld(world, async ({ servers: { postgres, valkey } }) => [
    postgres.description,
    valkey?.description ?? 'no Valkey',
  ]);
  const compared: Compared[] = [];
  for (const [at, comparison] of comparisons.entries()) {
    const ofAll = (what: string, share: number) => progress(what, (at + share) / comparisons.length);
    const facts = factsOf({
      cores,
      etcd: etcd?.version,
      rounds: Math.min(rounds, comparison.rounds ?? rounds),
      seconds,
      scale,
      servers,
    });
    compared.push(await runComparison(comparison, world, { rounds, seconds, progress: ofAll }, facts));
  }
  return compared;
}
