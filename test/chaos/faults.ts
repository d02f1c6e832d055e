import type { Fault } from './fault.ts';
import { busFaults } from './faults/bus.ts';
import { clientsFaults } from './faults/clients.ts';
import { clockFaults } from './faults/clock.ts';
import { failoverFaults } from './faults/failover.ts';
import { loadFaults } from './faults/load.ts';
import { nothing } from './faults/nothing.ts';
import { postgresFaults } from './faults/postgres.ts';
import { replicaFaults } from './faults/replica.ts';
import { startFaults } from './faults/start.ts';
import { valkeyFaults } from './faults/valkey.ts';
import { watchersFaults } from './faults/watchers.ts';

/** In the order of the report. */
export const FAULTS: readonly Fault[] = [
  nothing,
  ...replicaFaults,
  ...valkeyFaults,
  ...busFaults,
  ...postgresFaults,
  ...failoverFaults,
  ...clockFaults,
  ...watchersFaults,
  ...clientsFaults,
  ...loadFaults,
  ...startFaults,
];
