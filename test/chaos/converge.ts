import { setTimeout as sleep } from 'node:timers/promises';
import type { Site, SiteReplica } from './site.ts';
import type { Traffic } from './traffic.ts';

const PROBE_MS_MAX = 1000;
const LOOK_MS = 10;

/**
 * Until every replica answers a linearizable read and a write, and each watch is where these left the head.
 * @returns ms; what is still missing after the time allowed is told
 */
export async function converge(
  { replicas, nowMs }: Pick<Site, 'replicas' | 'nowMs'>,
  traffic: Traffic,
  msMax: number,
): Promise<{ readonly ms: number; readonly missing: readonly string[] }> {
  const startedMs = nowMs();
  const late = () => nowMs() - startedMs > msMax;
  const missing: string[] = [];
  let head = 0n;

  async function answers(replica: SiteReplica): Promise<void> {
    const client = traffic.client(replica);
    const key = `chaos:probe:${replica.name}`;
    for (;;) {
      const read = await client.get(key, { linearizable: true }, PROBE_MS_MAX);
      const write = read.status === 'ok' ? await client.set(key, undefined, PROBE_MS_MAX) : read;
      if (write.status === 'ok') {
        if (write.revision > head) head = write.revision;
        return;
      }
      if (late()) {
        missing.push(`${replica.name} still answers with ${write.reason}`);
        return;
      }
      await sleep(LOOK_MS);
    }
  }

  await Promise.all(replicas.map(answers));
  while (traffic.watchers.some(({ revision }) => revision < head) && !late()) await sleep(LOOK_MS);
  const behind = traffic.watchers.filter(({ revision }) => revision < head).length;
  if (behind > 0) missing.push(`${behind} of ${traffic.watchers.length} watches are not at revision ${head}`);
  return { ms: nowMs() - startedMs, missing };
}
