// Thousands of watches over few connections; tells how many are open, and how much each has got.
import type { Event } from '../../gen/parameter/v1/parameter.ts';
import { WatchRequest, WatchResponse } from '../../gen/parameter/v1/parameter_service.ts';
import { loadWork } from './load-process.ts';
import { onMessages, openSession, startCall, WATCH_PATH } from './raw-grpc.ts';

export interface SwarmWork {
  readonly ports: readonly number[];
  readonly watches: number;
  readonly prefix: string;
}

export interface SwarmTold {
  /** Streams that the server has answered. */
  readonly open: number;
  /** Streams that have ended. */
  readonly ended: number;
  /** Events that the one behind all others has. */
  readonly least: number;
  /** Watches that got an event twice or out of order. */
  readonly disordered: number;
}

/** As many as a connection may have, and some room. */
const WATCHES_PER_CONNECTION = 90;
/** Opened at once: a burst of all would only measure itself. */
const OPENING_MAX = 500;
const TELL_MS = 50;

const { work, tell } = loadWork<SwarmWork>();
const { ports, watches, prefix } = work;
const request = WatchRequest.encode(WatchRequest.fromPartial({ prefixes: [prefix] })).finish();
const events = new Uint32Array(watches);
const newest = new BigUint64Array(watches);
const answered = new Set<number>();
let opened = 0;
let ended = 0;
let disordered = 0;
let session = openSession(ports[0]!);

function open(): void {
  while (opened < watches && opened - answered.size < OPENING_MAX) {
    const at = opened++;
    if (at % WATCHES_PER_CONNECTION === 0) {
      session = openSession(ports[(at / WATCHES_PER_CONNECTION) % ports.length]!);
    }
    const stream = startCall(session, WATCH_PATH, request);
    stream.once('close', () => ended++);
    onMessages(stream, (message) => {
      answered.add(at);
      for (const event of WatchResponse.decode(message).events) note(at, event);
    });
  }
}

function note(at: number, { revision }: Event): void {
  if (revision <= newest[at]!) disordered++;
  newest[at] = revision;
  events[at]! += 1;
}

setInterval(() => {
  open();
  tell({ open: answered.size, ended, least: Math.min(...events.subarray(0, watches)), disordered } satisfies SwarmTold);
}, TELL_MS);
