import type { ParamdCore } from '../core/api.ts';
import type { CallObserver } from '../ports/call-observer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Connection } from './connections.ts';
import type { Deadlines } from './deadlines.ts';
import type { HeldRequests } from './held-requests.ts';
import type { RpcLimits } from './limits.ts';
import type { OpenCalls } from './open-calls.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Overload } from './overload.ts';
import type { PageTokens } from './page-tokens.ts';
import type { BaseCall } from './transport.ts';

/** What all handlers share. */
export interface Runtime {
  readonly core: ParamdCore;
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly telemetry: Pick<Telemetry, 'add'>;
  readonly limits: RpcLimits;
  readonly tokens: PageTokens;
  readonly open: OpenCalls;
  readonly deadlines: Deadlines;
  readonly held: HeldRequests;
  readonly connectionOf: (base: Pick<BaseCall, 'stream'>) => Connection;
  readonly streams: OpenStreams;
  readonly overload: Overload;
  readonly identity: Identity;
  draining: boolean;
}

/** What GetStats tells of this process. */
export interface Identity {
  readonly replicaId: string;
  readonly version: string;
  /** On the clock port's monotonic clock. */
  readonly startedAtMs: number;
}
