// Calls that arrive at a rate whatever becomes of them, with deadlines and retries, as from many clients that do not know
// of each other; each of them, which is a connection, tries again as src/client does. The rate is told by whoever started this.
import { constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import {
  BatchGetParametersRequest,
  GetParameterRequest,
  ListParametersRequest,
  SetParameterRequest,
} from '../../gen/parameter/v1/parameter_service.ts';
import { RetryBudget } from '../../src/client/retry-budget.ts';
import { Throttle } from '../../src/client/throttle.ts';
import { text } from '../e2e/rpc.ts';
import { loadWork } from './load-process.ts';
import { openSession, startCall } from './raw-grpc.ts';

export interface OpenLoopWork {
  readonly port: number;
  /** Keys below it: as many as a batch asks for. */
  readonly prefix: string;
  readonly keys: number;
}

/** From now on. */
export interface OpenLoopWord {
  readonly perSecond: number;
  /** As src/client does: calls that are likely to be refused are not sent. */
  readonly holdsBack: boolean;
}

/** Since the beginning. */
export interface OpenLoopTold {
  readonly offered: number;
  /** Operations that succeeded in time. */
  readonly good: number;
  /** Attempts, by what became of them. */
  readonly attempts: Readonly<Record<string, number>>;
  /** Of the newest thousand that succeeded. */
  readonly p99Ms: number;
}

const CONNECTIONS = 16;
const ATTEMPT_MS = 1000;
const ATTEMPTS_MAX = 3;
const BACKOFF_MIN_MS = 50;
/** Of operations that are under way; what comes on top is offered and lost, so that this process is bounded. */
const UNDER_WAY_MAX = 30_000;
const TICK_MS = 5;
const TELL_MS = 50;
/** The way broke, or the replica says that it closes. */
const RETRIED: readonly string[] = ['14', 'broken'];
/** It has too much to do. */
const RETRIED_WITHIN_BUDGET: readonly string[] = ['8', 'late'];
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';
const SERVICE = '/parameter.v1.ParameterService/';

const { work, tell } = loadWork<OpenLoopWork>();
const keys = Array.from({ length: work.keys }, (_, at) => `${work.prefix}${at}`);
const sessions = Array.from({ length: CONNECTIONS }, () => openSession(work.port));
const budgets = Array.from({ length: CONNECTIONS }, () => new RetryBudget());
const throttles = Array.from({ length: CONNECTIONS }, () => new Throttle());
const attempts: Record<string, number> = {};
const times: number[] = [];
let word: OpenLoopWord = { perSecond: 0, holdsBack: true };
let offered = 0;
let underWay = 0;
let good = 0;
let due = 0;

interface Asked {
  readonly path: string;
  readonly request: Uint8Array;
}

const GETS = keys.map((key) => ({
  path: `${SERVICE}GetParameter`,
  request: GetParameterRequest.encode(GetParameterRequest.fromPartial({ key })).finish(),
}));
const BATCH = {
  path: `${SERVICE}BatchGetParameters`,
  request: BatchGetParametersRequest.encode(BatchGetParametersRequest.fromPartial({ keys })).finish(),
};
const LIST = {
  path: `${SERVICE}ListParameters`,
  request: ListParametersRequest.encode(
    ListParametersRequest.fromPartial({ prefix: work.prefix, pageSize: work.keys }),
  ).finish(),
};

function next(turn: number): Asked {
  if (turn % 10 === 3 || turn % 10 === 8) return BATCH;
  if (turn % 10 === 5) return LIST;
  if (turn % 10 !== 7) return GETS[turn % GETS.length]!;
  const set = { key: keys[turn % keys.length]!, value: text(`${turn}`), requestId: `open-loop-${process.pid}-${turn}` };
  return {
    path: `${SERVICE}SetParameter`,
    request: SetParameterRequest.encode(SetParameterRequest.fromPartial(set as never)).finish(),
  };
}

async function operate(turn: number): Promise<void> {
  const asked = next(turn);
  const startedMs = performance.now();
  const throttle = throttles[turn % CONNECTIONS]!;
  for (let attempt = 1; ; attempt++) {
    if (word.holdsBack && !throttle.admits()) {
      attempts['held back'] = (attempts['held back'] ?? 0) + 1;
      return;
    }
    const { outcome, details } = await attemptOnce(turn, asked);
    throttle.ended(outcome === '8');
    attempts[outcome] = (attempts[outcome] ?? 0) + 1;
    if (outcome === '0') {
      good++;
      times.push(performance.now() - startedMs);
      if (times.length > 1000) times.shift();
      budgets[turn % CONNECTIONS]!.answered();
      return;
    }
    if (attempt === ATTEMPTS_MAX) return;
    const within = RETRIED_WITHIN_BUDGET.includes(outcome) && budgets[turn % CONNECTIONS]!.take();
    if (!within && !RETRIED.includes(outcome)) return;
    const jitterMs = Math.random() * BACKOFF_MIN_MS * 2 ** attempt;
    await sleep(retryAfterMs(details) + jitterMs);
  }
}

function retryAfterMs(details: string | undefined): number {
  if (details === undefined) return 0;
  const found = Status.decode(Buffer.from(details, 'base64')).details.find(({ typeUrl }) => typeUrl === RETRY_INFO);
  const delay = found && RetryInfo.decode(found.value).retryDelay;
  return delay === undefined ? 0 : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

interface Ended {
  /** grpc-status, "late" or "broken" */
  readonly outcome: string;
  readonly details: string | undefined;
}

function attemptOnce(turn: number, { path, request }: Asked): Promise<Ended> {
  const at = turn % CONNECTIONS;
  if (sessions[at]!.closed || sessions[at]!.destroyed) sessions[at] = openSession(work.port);
  const stream = startCall(sessions[at]!, path, request, ATTEMPT_MS);
  return new Promise((resolve) => {
    let status: string | undefined;
    let details: string | undefined;
    const late = setTimeout(() => {
      status ??= 'late';
      stream.close(constants.NGHTTP2_CANCEL);
    }, ATTEMPT_MS);
    const note = (headers: Record<string, unknown>) => {
      status ??= headers['grpc-status'] as string | undefined;
      details ??= headers['grpc-status-details-bin'] as string | undefined;
    };
    stream.on('response', note).on('trailers', note);
    stream.once('close', () => {
      clearTimeout(late);
      resolve({ outcome: status ?? 'broken', details });
    });
    stream.resume();
  });
}

process.on('message', (told: OpenLoopWord) => {
  word = told;
});
let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  due += ((nowMs - lastMs) * word.perSecond) / 1000;
  lastMs = nowMs;
  while (offered < due) {
    const turn = offered++;
    if (underWay >= UNDER_WAY_MAX) continue;
    underWay++;
    void operate(turn).finally(() => underWay--);
  }
}, TICK_MS);
setInterval(() => {
  const p99Ms = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
  tell({ offered, good, attempts, p99Ms } satisfies OpenLoopTold);
}, TELL_MS);
