import type { Fault } from './fault.ts';
import { busFaults } from './faults/bus.ts';
import { nothing } from './faults/nothing.ts';
import { replicaFaults } from './faults/replica.ts';
import { valkeyFaults } from './faults/valkey.ts';

/** In the order of the report. */
export const FAULTS: readonly Fault[] = [nothing, ...replicaFaults, ...valkeyFaults, ...busFaults];
