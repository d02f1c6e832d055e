import { Counter, Gauge } from 'prom-client';
import type { Status, TierStatus } from '../core/api.ts';
import type { BusState } from '../ports/bus.ts';
import { exposeGauge, type Registry } from './registry.ts';

/** Connections to PostgreSQL for reads. */
export interface PoolUse {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

const BUS_STATES: readonly BusState[] = ['connected', 'disconnected', 'disabled'];

/** What the core is at, read when Prometheus asks. */
export function exposeStatus(registry: Registry, status: () => Status): void {
  exposeTiers(registry, () => status().tiers);
  const gauges: readonly (readonly [name: string, help: string, read: (status: Status) => number])[] = [
    ['applied_revision', 'Revision up to which this replica has applied the log', (s) => Number(s.applied)],
    ['compact_revision', 'History is compacted up to and including this revision', (s) => Number(s.compactRevision)],
    ['epoch_number', 'Grows by one whenever the store lost commits or was restored', (s) => Number(s.epochNumber)],
    [
      'freshness_age_seconds',
      'Age of the proof that the applied revision was the head',
      (s) => s.freshnessAgeMs / 1000,
    ],
    ['store_reachable', '1 while PostgreSQL answers', (s) => Number(s.storeReachable)],
    ['watchers', 'Watches open', (s) => s.watchers],
    ['watch_queue_bytes', 'Bytes queued for all watches', (s) => s.watchQueueBytes],
  ];
  for (const [name, help, read] of gauges) exposeGauge(registry, `paramd_${name}`, help, () => read(status()));

  new Gauge({
    name: 'paramd_bus_state',
    help: '1 for the state that the bus is in',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const now = status().busState;
      for (const state of BUS_STATES) this.set({ state }, Number(state === now));
    },
  });
}

export function exposePool(registry: Registry, use: () => PoolUse): void {
  new Gauge({
    name: 'paramd_read_pool_connections',
    help: 'Connections to PostgreSQL for reads',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { total, idle } = use();
      this.set({ state: 'idle' }, idle);
      this.set({ state: 'busy' }, total - idle);
    },
  });
  exposeGauge(registry, 'paramd_read_pool_waiting', 'Reads that wait for a connection', () => use().waiting);
}

function exposeTiers(registry: Registry, tiers: () => readonly TierStatus[]): void {
  const counts: readonly (readonly [name: string, help: string, read: (tier: TierStatus) => number])[] = [
    ['hits', 'Lookups that the tier answered', (tier) => tier.hits],
    ['misses', 'Lookups that the tier could not answer', (tier) => tier.misses],
    ['evictions', 'Entries that the tier dropped for want of space', (tier) => tier.evictions],
  ];
  for (const [name, help, read] of counts) {
    new Counter({
      name: `paramd_tier_${name}_total`,
      help,
      labelNames: ['tier'],
      registers: [registry],
      collect() {
        this.reset();
        for (const tier of tiers()) this.inc({ tier: tier.tier }, read(tier));
      },
    });
  }
  const sizes: readonly (readonly [name: string, help: string, read: (tier: TierStatus) => number])[] = [
    ['entries', 'Entries that the tier holds', (tier) => tier.entries],
    ['bytes', 'Bytes that the tier holds', (tier) => tier.bytes],
  ];
  for (const [name, help, read] of sizes) {
    new Gauge({
      name: `paramd_tier_${name}`,
      help,
      labelNames: ['tier'],
      registers: [registry],
      collect() {
        for (const tier of tiers()) this.set({ tier: tier.tier }, read(tier));
      },
    });
  }
}
