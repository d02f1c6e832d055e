import type { ParamdRpcError } from '../../src/client/rpc-error.ts';
import { told } from '../e2e/rpc.ts';
import type {
  FaultWindow,
  History,
  Operation,
  ReadRecord,
  Truth,
  WatchRecord,
  WatchResponseRecord,
  WriteOutcome,
  WriteRecord,
} from '../history/history.ts';

/** Z of the replicas. */
const STALENESS_MS = 500;

/** One call as the metrics see it; a listing of several pages is one. */
export interface MeasuredCall {
  readonly type: 'read' | 'write';
  readonly replica: string;
  readonly callMs: number;
  readonly returnMs: number;
  /** Undefined: it got an answer, be it that a condition did not hold. */
  readonly failure: string | undefined;
  readonly degraded: boolean;
}

/** What a watch asks for. */
export type WatchDemand = Omit<WatchRecord, 'openMs' | 'responses' | 'endedBy' | 'endMs' | 'settled'>;
type Changing = 'endedBy' | 'endMs' | 'settled';
/** While it goes on. */
export type RecordedWatch = Omit<WatchRecord, Changing | 'responses'> & {
  -readonly [K in Changing]: WatchRecord[K];
} & { readonly responses: WatchResponseRecord[] };

/** All that the traffic did and saw, on one clock. */
export class Recorder {
  readonly operations: Operation[] = [];
  readonly calls: MeasuredCall[] = [];
  readonly watches: RecordedWatch[] = [];
  readonly faults: FaultWindow[] = [];

  nowMs(): number {
    return performance.now();
  }

  read(record: ReadRecord, error?: ParamdRpcError): void {
    const { outcome } = record;
    this.operations.push(record);
    this.#measure(
      record,
      outcome.status === 'ok' ? undefined : told(error),
      outcome.status === 'ok' && outcome.degraded,
    );
  }

  write(record: WriteRecord, error?: ParamdRpcError): void {
    const { outcome } = record;
    this.operations.push(record);
    const answered = outcome.status === 'ok' || JUDGED.includes(outcome.reason);
    this.#measure(record, answered ? undefined : told(error), false);
  }

  watch(demand: WatchDemand): RecordedWatch {
    const open = { openMs: this.nowMs(), responses: [], endedBy: undefined, endMs: Number.POSITIVE_INFINITY };
    const watch = { ...demand, ...open, settled: false };
    this.watches.push(watch);
    return watch;
  }

  history(truth: Truth): History {
    const { operations, watches, faults } = this;
    return { operations, watches, truth, faults, stalenessMs: STALENESS_MS };
  }

  #measure({ type, replica, callMs, returnMs }: Operation, failure: string | undefined, degraded: boolean): void {
    this.calls.push({ type, replica, callMs, returnMs, failure, degraded });
  }
}

/** The request was judged, and its conditions did not hold. */
const JUDGED: readonly string[] = ['REVISION_MISMATCH', 'PARAMETER_EXISTS', 'PARAMETER_NOT_FOUND'];
/** With any other reason paramd says that the write was not done. */
const OPEN: readonly string[] = ['OUTCOME_UNKNOWN', 'UNFORESEEN'];

/** An error without a reason is not paramd's but of the way to it: the write may have been done. */
export function unwritten({ reason, status }: ParamdRpcError): WriteOutcome {
  if (reason === undefined) return { status: 'unknown', reason: status };
  return { status: OPEN.includes(reason) ? 'unknown' : 'failed', reason };
}
