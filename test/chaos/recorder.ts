import type { ParamdRpcError } from '../../src/client/rpc-error.ts';
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
  WrittenOperation,
} from '../history/history.ts';
import { FAULT_PREFIX, recordedOperation } from './recorded-value.ts';

/** No client of the traffic has this number. */
const APART = 0;
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
      outcome.status === 'ok' ? undefined : failureOf(error),
      outcome.status === 'ok' && outcome.degraded,
    );
  }

  write(record: WriteRecord, error?: ParamdRpcError): void {
    const { outcome } = record;
    this.operations.push({ ...record, operations: record.operations.map(recordedOperation) });
    const answered = outcome.status === 'ok' || JUDGED.includes(outcome.reason);
    this.#measure(record, answered ? undefined : failureOf(error), false);
  }

  watch(demand: WatchDemand): RecordedWatch {
    const open = { openMs: this.nowMs(), responses: [], endedBy: undefined, endMs: Number.POSITIVE_INFINITY };
    const watch = { ...demand, ...open, settled: false };
    this.watches.push(watch);
    return watch;
  }

  /** Newest revision of an acknowledged write below this one; 0: there is none. */
  newestAcknowledged(below: bigint): bigint {
    let newest = 0n;
    for (const { type, outcome } of this.operations) {
      if (type !== 'write' || outcome.status !== 'ok') continue;
      if (outcome.revision < below && outcome.revision > newest) newest = outcome.revision;
    }
    return newest;
  }

  /** Somebody else may set this from now on, once. */
  setsApart(key: string, value: string): void {
    this.operations.push(apart(this.nowMs(), [recordedOperation({ type: 'set', key, value })]));
  }

  history(truth: Truth): History {
    const { watches, faults } = this;
    const operations = [...this.operations, ...this.#ofFaults(truth)];
    return { operations, watches, truth, faults, stalenessMs: STALENESS_MS };
  }

  /** Keys of faults are written by the faults themselves: what the log has of them is no loss of ours. */
  #ofFaults({ eras }: Truth): WriteRecord[] {
    const beginMs = this.operations[0]?.callMs ?? 0;
    const recorded = new Set(
      this.operations.flatMap((each) => (each.type === 'write' ? each.operations.map(textOf) : [])),
    );
    return eras.flatMap(({ entries }) =>
      entries
        .map(({ events }) =>
          events.map(
            ({ type, key, value }): WrittenOperation =>
              type === 'put' ? { type: 'set', key, value } : { type: 'delete', key },
          ),
        )
        .filter((written) => written.every((each) => each.key.startsWith(FAULT_PREFIX) && !recorded.has(textOf(each))))
        .map((written) => apart(beginMs, written)),
    );
  }

  #measure({ type, replica, callMs, returnMs }: Operation, failure: string | undefined, degraded: boolean): void {
    this.calls.push({ type, replica, callMs, returnMs, failure, degraded });
  }
}

function apart(callMs: number, operations: readonly WrittenOperation[]): WriteRecord {
  const outcome: WriteOutcome = { status: 'unknown', reason: 'not by a client' };
  return {
    type: 'write',
    client: APART,
    replica: '',
    callMs,
    returnMs: Number.POSITIVE_INFINITY,
    operations,
    conditions: [],
    requestId: '',
    outcome,
  };
}

function textOf(operation: WrittenOperation): string {
  return operation.type === 'set' ? operation.value : `delete ${operation.key}`;
}

/** The request was judged, and its conditions did not hold. */
const JUDGED: readonly string[] = ['REVISION_MISMATCH', 'PARAMETER_EXISTS', 'PARAMETER_NOT_FOUND'];
/** With any other reason paramd says that the write was not done. */
const OPEN: readonly string[] = ['OUTCOME_UNKNOWN', 'UNFORESEEN'];

/** "UNAVAILABLE STORE_UNREACHABLE"; without a reason it is not paramd's. */
function failureOf(error: ParamdRpcError | undefined): string {
  return [error?.status, error?.reason].filter((each) => each !== undefined).join(' ');
}

/** An error without a reason is not paramd's but of the way to it: the write may have been done. */
export function unwritten({ reason, status }: ParamdRpcError): WriteOutcome {
  if (reason === undefined) return { status: 'unknown', reason: status };
  return { status: OPEN.includes(reason) ? 'unknown' : 'failed', reason };
}
