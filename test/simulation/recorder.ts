import type { History, Operation, WatchRecord } from '../history/history.ts';
import type { Fleet } from './fleet.ts';

/** What all clients saw. */
export class Recorder {
  readonly operations: Operation[] = [];
  readonly watches: WatchRecord[] = [];

  history(fleet: Fleet): History {
    return {
      operations: this.operations,
      watches: this.watches,
      truth: fleet.chronicle.truth,
      faults: [],
      stalenessMs: fleet.limits.stalenessMs,
    };
  }
}
