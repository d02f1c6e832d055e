import { type BusCounts, type BusProxy, startBusProxy } from '../bus-proxy.ts';
import type { Site } from '../site.ts';
import { busConnected } from './bus-state.ts';

/** Puts a proxy that knows the bus between each replica and Valkey, in the order of the replicas. */
export async function placeBusProxies({ replicas, valkey }: Site): Promise<readonly BusProxy[]> {
  const proxies: BusProxy[] = [];
  for (const { links } of replicas) {
    const proxy = await startBusProxy(valkey.server.port);
    proxies.push(proxy);
    links.valkey.lead(proxy.port);
  }
  await busConnected(replicas);
  return proxies;
}

/** Leads the links straight to Valkey again. */
export async function removeBusProxies({ valkey }: Site, proxies: readonly BusProxy[]): Promise<void> {
  valkey.lead(valkey.server);
  await Promise.all(proxies.map((proxy) => proxy.close()));
}

export function sumOf(proxies: readonly BusProxy[]): BusCounts {
  const sum: BusCounts = { passed: 0, dropped: 0, doubled: 0, reordered: 0 };
  for (const { counts } of proxies)
    for (const name of Object.keys(sum) as (keyof BusCounts)[]) sum[name] += counts[name];
  return sum;
}
