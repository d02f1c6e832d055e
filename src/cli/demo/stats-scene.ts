import type { Fleet } from './fleet.ts';
import { TIER_CELLS } from './read-scene.ts';
import type { Stage } from './stage.ts';

export async function statsScene(stage: Stage, { one, two }: Fleet): Promise<void> {
  await stage.scene('What the caches did');
  const row = stage.table([
    ['replica', 7],
    ['tier', 12],
    ['hits', -8],
    ['misses', -8],
    ['hit ratio', -9],
    ['entries', -7],
  ]);
  let reads = 0n;
  let loads = 0n;
  for (const { client, name } of [one, two]) {
    const { tiers, ...stats } = await client.stats();
    loads += stats.loads;
    for (const [i, tier] of tiers.entries()) {
      if (i === 0) reads += tier.hits + tier.misses;
      const ratio = `${(tier.hitRatio * 100).toFixed(1)} %`;
      const entries = tier.entries === 0n ? '' : String(tier.entries);
      row(
        i === 0 ? name : '',
        TIER_CELLS[tier.tier] ?? 'unknown',
        String(tier.hits),
        String(tier.misses),
        ratio,
        entries,
      );
    }
  }
  stage.moral(`Of ${reads} reads ${loads} went to PostgreSQL.`);
}
