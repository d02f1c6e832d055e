// Clients that connect, make one call and leave, in every way there is to leave.
import { GetParameterRequest } from '../../gen/parameter/v1/parameter_service.ts';
import { loadWork } from './load-process.ts';
import { get, openSession } from './raw-grpc.ts';

export interface ChurnWork {
  readonly ports: readonly number[];
  readonly perSecond: number;
  readonly key: string;
}

export interface ChurnTold {
  readonly opened: number;
  /** With grpc-status 0. */
  readonly answered: number;
  /** Of those that waited for their answer. */
  readonly failed: number;
}

const TICK_MS = 10;
const TELL_MS = 50;
const IN_FLIGHT_MAX = 500;

const { work, tell } = loadWork<ChurnWork>();
const request = GetParameterRequest.encode(GetParameterRequest.fromPartial({ key: work.key })).finish();
const startedMs = performance.now();
let opened = 0;
let inFlight = 0;
let answered = 0;
let failed = 0;

async function come(turn: number): Promise<void> {
  const session = openSession(work.ports[turn % work.ports.length]!);
  const gone = new Promise<void>((resolve) => void session.once('close', () => resolve()));
  const status = get(session, request);
  if (turn % 4 === 3) {
    // Without waiting for the answer, or even for the connection.
    session.once('connect', () => session.destroy());
  } else {
    if ((await status) === '0') answered++;
    else failed++;
    if (turn % 4 === 0) session.destroy();
    else session.close();
  }
  await gone;
}

setInterval(() => {
  const due = ((performance.now() - startedMs) * work.perSecond) / 1000;
  while (opened < due && inFlight < IN_FLIGHT_MAX) {
    inFlight++;
    void come(opened++).finally(() => inFlight--);
  }
}, TICK_MS);
setInterval(() => tell({ opened, answered, failed } satisfies ChurnTold), TELL_MS);
