import type { MemoryBus } from '../../src/adapters/memory/bus.ts';
import type { MemorySharedCache } from '../../src/adapters/memory/shared-cache.ts';
import type { Announcement, Bus } from '../../src/ports/bus.ts';
import type { SharedCache } from '../../src/ports/shared-cache.ts';
import type { Chance } from './chance.ts';
import type { Machine } from './machine.ts';

/** A replica's bus, as its process sees it. A long announcement goes out in parts, as the real one does. */
export function busLine(machine: Machine, bus: MemoryBus, chance: Chance): Bus {
  return {
    publish(announcement) {
      for (const part of partsOf(announcement, chance)) machine.send('publish', () => bus.publish(part));
    },
    listen: (listener) =>
      bus.listen({
        announced: (announcement) => machine.enter(() => listener.announced(announcement)),
        connected: () => machine.enter(() => listener.connected()),
        disconnected: () => machine.enter(() => listener.disconnected()),
      }),
    state: () => bus.state(),
    suspect: () => bus.suspect(),
    close: () => bus.close(),
  };
}

function partsOf(announcement: Announcement, chance: Chance): Announcement[] {
  const { entries, from, to, previousBatchId } = announcement;
  if (entries.length < 2 || chance.of(0.5)) return [announcement];
  const at = 1 + chance.below(entries.length - 1);
  const middle = from + BigInt(at);
  return [
    { ...announcement, to: middle - 1n, entries: entries.slice(0, at) },
    {
      ...announcement,
      from: middle,
      to,
      previousBatchId: entries[0]?.batchId ?? previousBatchId,
      entries: entries.slice(at),
    },
  ];
}

/** A replica's shared cache, as its process sees it. */
export function sharedCacheLine(machine: Machine, shared: MemorySharedCache): SharedCache {
  return {
    get: (key) => machine.reach('shared get', () => shared.get(key)),
    getMany: (keys) => machine.reach('shared get', () => shared.getMany(keys)),
    put: (key, entry) => machine.reach('shared put', () => shared.put(key, entry)),
    sample: (keysMax) => machine.reach('shared sample', () => shared.sample(keysMax)),
    drop: (key) => machine.reach('shared drop', () => shared.drop(key)),
    useEpoch: (epochId) => shared.useEpoch(epochId),
    close: () => shared.close(),
  };
}
