import type { Metadata } from '@grpc/grpc-js';
import { type Connection, printable } from './connections.ts';

/** Who writes. */
export interface Caller {
  /** Authenticated; empty: nobody is. Request ids are remembered for each principal. */
  readonly principal: string;
  /** Recorded as updated_by. */
  readonly actor: string;
}

const ACTOR = 'paramd-actor';

/** A verified certificate counts; only without one, what the metadata claims. */
export function callerOf(connection: Connection, metadata: Metadata): Caller {
  const { principal } = connection;
  if (principal !== '') return { principal, actor: principal };
  const [claimed] = metadata.get(ACTOR);
  return { principal, actor: typeof claimed === 'string' ? printable(claimed).trim() : '' };
}
