import { alternate, type Course, type Figures } from './alternate.ts';
import { openBarePostgres } from './bare-postgres.ts';
import { openBareValkey } from './bare-valkey.ts';
import { type BenchWorld, warm, withServers } from './bench-world.ts';
import { getBytes, reads, storedText, writes } from './grpc-peer.ts';
import type { Peer } from './load.ts';

/** So many are in the near cache where that is measured. */
const HOT_KEYS = 1000;
/** Nothing that was read before is still in the near cache. */
const NO_NEAR_CACHE = { PARAMD_NEAR_CACHE_ENTRIES: '1' };
/** As many as paramd has for reads by default. */
export const READ_CONNECTIONS = 8;
/** More of them share an fsync. */
export const WRITE_CONNECTIONS = 32;

/** GetParameter from each tier, and what the tiers are made of. */
export function measureReads(world: BenchWorld, course: Course, profileFolder?: string): Promise<Figures[]> {
  const { servers, keys, responses } = world;
  return withServers(servers, async (open) => {
    const peers: Peer[] = [];
    const near = await open.replica({ PARAMD_REPLICA_ID: 'near' }, profileFolder);
    const hotKeys = keys.slice(0, HOT_KEYS);
    await warm(hotKeys, near);
    peers.push(reads('near cache', hotKeys, near));
    if (servers.valkey !== undefined) {
      const shared = await open.replica({ PARAMD_REPLICA_ID: 'shared', ...NO_NEAR_CACHE });
      await warm(keys, shared);
      peers.push(reads('shared cache', keys, shared));
    }
    peers.push(
      reads('store', keys, await open.replica({ PARAMD_REPLICA_ID: 'store', ...NO_NEAR_CACHE, VALKEY_URL: '' })),
    );
    peers.push(reads('gRPC echo', keys, await open.echo(responses)));
    if (servers.valkey !== undefined) {
      const valkey = await openBareValkey(servers.valkey.url, keys, await getBytes(keys[0]!, near.grpc));
      open.closing.push(() => valkey.close());
      peers.push(valkey.get);
    }
    const postgres = await openBarePostgres(servers.postgres.url, keys, storedText, READ_CONNECTIONS);
    open.closing.push(() => postgres.close());
    peers.push(postgres.select);
    return alternate(peers, course);
  });
}

/** SetParameter; nothing runs beside it but what writes need. */
export function measureWrites(world: BenchWorld, course: Course, profileFolder?: string): Promise<Figures[]> {
  const { servers, keys, responses } = world;
  return withServers(servers, async (open) => {
    const replica = await open.replica({}, profileFolder);
    const echo = await open.echo(responses);
    const postgres = await openBarePostgres(servers.postgres.url, keys, storedText, WRITE_CONNECTIONS);
    open.closing.push(() => postgres.close());
    const peers = [writes('SetParameter', keys, replica), postgres.upsert, writes('gRPC echo of a write', keys, echo)];
    return alternate(peers, course);
  });
}
