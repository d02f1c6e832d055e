import { once } from 'node:events';
import { connect, type NearCache } from '../../client/index.ts';
import { PREFIX } from './numbers.ts';

/** Each with a client and so a connection of its own, as in as many processes. They hold almost nothing. */
const IDLE_PREFIX = `${PREFIX}0000000000000000000`;
const OPENED_AT_ONCE = 20;

/** Opens caches, says so, and keeps them until it is told to end. @throws Error unless all were in step all the time */
export async function idleCaches(target: string, count: number, opened: () => void): Promise<void> {
  const ending = once(process, 'message');
  const clients = Array.from({ length: count }, () => connect({ target }));
  const caches: NearCache[] = [];
  let degradations = 0;
  for (let at = 0; at < count; at += OPENED_AT_ONCE) {
    const some = clients.slice(at, at + OPENED_AT_ONCE).map((client) => client.cache({ prefixes: [IDLE_PREFIX] }));
    await Promise.all(some.map((cache) => cache.ready({ timeoutMs: 60_000 })));
    caches.push(...some);
  }
  for (const cache of caches) {
    cache.onDegraded((degraded) => {
      if (degraded) degradations++;
    });
  }
  opened();
  await ending;
  if (degradations > 0 || caches.some((cache) => cache.degraded || cache.size !== 10)) {
    throw new Error(`idle caches were not in step with the server all the time (${degradations} times)`);
  }
  for (const client of clients) client.close();
  await Promise.all(caches.map((cache) => cache.close()));
}
