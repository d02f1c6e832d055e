import { status } from '@grpc/grpc-js';
import { Tier } from '../../../gen/parameter/v1/freshness.ts';
import { type Event, Event_Type, Parameter } from '../../../gen/parameter/v1/parameter.ts';
import type { BatchGetParametersResponse } from '../../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs } from '../../../src/client/duration.ts';
import {
  type NativeValue,
  ParamdRpcError,
  type ReadSettings,
  toValue,
  type WatchItem,
  type WatchSettings,
} from '../../../src/client/index.ts';
import type { NearCacheClient } from '../../../src/client/near-cache/open-near-cache.ts';

export interface ScriptedWatch {
  readonly settings: WatchSettings;
  push(...items: WatchItem[]): Promise<void>;
  fail(error: unknown): Promise<void>;
}

export interface ScriptedCheck {
  readonly settings: ReadSettings;
  answer(revision: bigint, ageMs?: number, degraded?: boolean): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A client that does what the test says, call by call. */
export interface ScriptedClient extends NearCacheClient {
  readonly watches: ScriptedWatch[];
  readonly checks: ScriptedCheck[];
  /** The newest one. */
  readonly watching: ScriptedWatch;
  readonly check: ScriptedCheck;
  /** Answers every check at once, as of this revision. */
  head: bigint | undefined;
}

export function scriptedClient(): ScriptedClient {
  const watches: ScriptedWatch[] = [];
  const checks: ScriptedCheck[] = [];
  const client: ScriptedClient = {
    watches,
    checks,
    head: undefined,
    get watching() {
      return watches.at(-1)!;
    },
    get check() {
      return checks.at(-1)!;
    },
    watch: (_, settings = {}) => {
      const script = scriptedWatch(settings);
      watches.push(script);
      return script.items;
    },
    getMany: (_, settings = {}) => {
      const { promise, resolve, reject } = Promise.withResolvers<BatchGetParametersResponse>();
      settings.signal?.addEventListener('abort', () => reject(settings.signal?.reason));
      const check: ScriptedCheck = {
        settings,
        answer: (revision, ageMs = 20, degraded = false) => {
          const stalenessBound = Number.isFinite(ageMs) ? durationOfMs(ageMs) : undefined;
          const freshness = { revision, servedFrom: Tier.TIER_NEAR_CACHE, stalenessBound, degraded };
          resolve({ parameters: [], missingKeys: [], freshness });
          return settled();
        },
        fail: (error) => {
          reject(error);
          return settled();
        },
      };
      checks.push(check);
      if (client.head !== undefined) void check.answer(client.head);
      return promise;
    },
  };
  return client;
}

function scriptedWatch(settings: WatchSettings): ScriptedWatch & { items: AsyncIterable<WatchItem> } {
  const queue: (() => WatchItem)[] = [];
  let wake = () => {};
  const put = (...steps: (() => WatchItem)[]) => {
    queue.push(...steps);
    wake();
    return settled();
  };
  const push = (...items: WatchItem[]) => put(...items.map((item) => () => item));
  const fail = (error: unknown) =>
    put(() => {
      throw error;
    });
  settings.signal?.addEventListener('abort', () => fail(settings.signal?.reason));
  async function* items(): AsyncGenerator<WatchItem> {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) yield next();
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return { settings, items: items(), push, fail };
}

export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function parameter(key: string, value: NativeValue | undefined, revision: bigint): Parameter {
  return { ...Parameter.fromPartial({ key, revision }), value: value === undefined ? undefined : toValue(value) };
}

export function put(key: string, value: NativeValue, revision: bigint): Event {
  return { type: Event_Type.TYPE_PUT, parameter: parameter(key, value, revision), previous: undefined, revision };
}

export function removal(key: string, revision: bigint): Event {
  return {
    type: Event_Type.TYPE_DELETE,
    parameter: parameter(key, undefined, revision),
    previous: undefined,
    revision,
  };
}

export function snapshot(revision: bigint, values: Readonly<Record<string, NativeValue>> = {}): WatchItem {
  const parameters = Object.entries(values).map(([key, value]) => parameter(key, value, revision));
  return { kind: 'snapshot', parameters, revision };
}

export function changes(...events: Event[]): WatchItem {
  return { kind: 'changes', events, revision: events.at(-1)!.revision };
}

export function unavailable(): ParamdRpcError {
  return new ParamdRpcError(status.UNAVAILABLE, 'no connection');
}
