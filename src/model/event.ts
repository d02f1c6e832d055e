import type { Parameter } from './parameter.ts';
import { parameterBytes } from './parameter.ts';
import type { Revision } from './revision.ts';

/** One change of one key. */
export interface Event {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: Revision;
  /** As written; of a delete: key, revision, update time and who. Undefined: not carried along, the log has it. */
  readonly parameter?: Parameter | undefined;
  /** As before the change; null: there was none. Undefined: not carried along, the log has it. */
  readonly previous?: Parameter | null | undefined;
}

/** One whole revision of the log: the events of one Set, Delete or Commit. */
export interface LogEntry {
  readonly revision: Revision;
  /** Of the batch that committed it: what the log-matching check compares. */
  readonly batchId: string;
  /** In the order of the operations. Never empty. */
  readonly events: readonly Event[];
}

/** About the size on the wire, see parameterBytes. */
export function eventBytes(event: Event, withPrevious: boolean): number {
  const parameter = event.parameter ? parameterBytes(event.parameter) : 64 + event.key.length * 3;
  return 24 + parameter + (withPrevious && event.previous ? parameterBytes(event.previous) : 0);
}
