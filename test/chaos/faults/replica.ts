import type { Fault } from '../fault.ts';
import { frozen } from './frozen-replica.ts';
import { killedUnpublished, killedWriting } from './killed-replica.ts';
import { rollingRestart } from './rolling-restart.ts';

export const replicaFaults: readonly Fault[] = [killedWriting, killedUnpublished, frozen, rollingRestart];
