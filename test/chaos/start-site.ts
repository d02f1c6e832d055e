import type { TestProxy } from '../support/proxy.ts';
import type { Site, SiteOptions, SiteReplica } from './site.ts';
import { startSitePostgres } from './site-postgres.ts';
import { startSiteReplica } from './site-replica.ts';
import { startSiteValkey } from './site-valkey.ts';

/** The near cache holds fewer parameters than the traffic asks for, so that all three tiers answer all the time. */
const SITE_SETTINGS = { PARAMD_NEAR_CACHE_ENTRIES: '150' };

/** Whom a site tells what is done to it. */
export type SiteListener = Pick<Site, 'tell' | 'note'>;

/** What there is without traffic. */
export type QuietSite = Omit<Site, 'traffic'>;

/** All processes, with a proxy on every link between them. After a failure nothing is left running. */
export async function startSite(options: SiteOptions, { tell, note }: SiteListener): Promise<QuietSite> {
  const closing: (() => Promise<void>)[] = [];
  const close = () => undo(closing);
  const replicas: SiteReplica[] = [];
  const linksTo = (server: 'store' | 'valkey') => (): readonly TestProxy[] =>
    replicas.map(({ links }) => links[server]);
  try {
    const [postgres, valkey] = await all([
      startSitePostgres(options, closing, linksTo('store')),
      startSiteValkey(options, closing, linksTo('valkey')),
    ]);
    const startOne = (number: number) =>
      startSiteReplica(
        {
          name: `replica-${number}`,
          databaseUrl: postgres.url,
          valkeyUrl: valkey.server.url,
          settings: { ...SITE_SETTINGS, ...options.settings },
          start: options.startReplicas ?? true,
        },
        closing,
      );
    // The first one migrates; the others need not wait for that.
    replicas.push(await startOne(1));
    const rest = Array.from({ length: (options.replicas ?? 3) - 1 }, (_, at) => startOne(at + 2));
    replicas.push(...(await all(rest)));
    return { replicas, postgres, valkey, tell, note, nowMs: () => performance.now(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Unlike Promise.all, a failure waits for the others, so that what they have started is known and can be undone. */
async function all<T extends readonly unknown[] | []>(
  starting: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

async function undo(closing: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closing.splice(0).reverse()) await close().catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
