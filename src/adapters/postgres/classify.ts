import type { StoreErrorKind } from '../../ports/store.ts';
import { StoreError } from '../../ports/store.ts';

/** The server answers, but is no primary. */
export class StandbyError extends Error {}

/** How far a call had come when it failed. */
export type Phase = 'connect' | 'read' | 'write';

/** A lost connection leaves a write's fate open. */
type Kind = StoreErrorKind | 'lost';

/** By SQLSTATE, then by its class. What is in neither is a fault of ours. */
const BY_CODE: Readonly<Record<string, Kind>> = {
  '57P01': 'lost', // admin shutdown: also while a commit waits for its standby
  '57P02': 'lost', // crash shutdown
  '57P03': 'unreachable', // starting up
  '57P04': 'lost', // database dropped
  '57P05': 'lost', // idle session timeout
  '57014': 'unreachable', // statement timeout
  '55P03': 'unreachable', // lock not available
  '25006': 'unreachable', // read-only: no primary any more
  '25P03': 'lost', // idle in transaction timeout
  '3D000': 'unreachable', // no such database
};
const BY_CLASS: Readonly<Record<string, Kind>> = {
  '08': 'lost', // connection
  22: 'data',
  23: 'data',
  28: 'unreachable', // authentication
  40: 'unreachable', // serialization, deadlock: rolled back
  53: 'unreachable', // out of resources: rolled back
  54: 'data', // program limit
  58: 'unreachable', // system error: rolled back
};
/** What an operator would otherwise have to look up. */
const IN_WORDS: Readonly<Record<string, string>> = {
  '28000': 'this user may not connect',
  '28P01': 'wrong user or password',
  '3D000': 'no such database',
  '42501': 'this user lacks a privilege',
  '53100': 'disk full',
  '53300': 'too many connections',
  '57P03': 'starting or stopping',
};
const RETRIED: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', '57014']);

/** A failure that left nothing done and may not come again. */
export class RetriableError extends StoreError {}

/** The log has no partition for a revision. */
export class PartitionMissingError extends StoreError {
  constructor() {
    super('internal', 'the log has no partition for the next revision');
  }
}

interface ServerError {
  readonly constraint?: string;
}

/** Every failure of the driver becomes a StoreError here. Its text is left out: it may quote a value. */
export function classify(error: unknown, phase: Phase): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof StandbyError) return new StoreError('unreachable', 'the server is a standby, not the primary');
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) {
    return new StoreError(
      'internal',
      `${error.name} ${error.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''}`,
    );
  }
  const { code, constraint, message, syscall } = error as ServerError & NodeJS.ErrnoException;
  // Node's codes are words, of which some look like a SQLSTATE (EPIPE).
  if (typeof code !== 'string' || syscall !== undefined || !/^[0-9A-Z]{5}$/.test(code)) {
    // The driver's own texts ("timeout exceeded") carry no values.
    const why = typeof code === 'string' ? code : isDriverText(message) ? message : 'connection lost';
    return lost(phase, `PostgreSQL cannot be reached: ${why}`);
  }
  if (code === '23514' && constraint === undefined) return new PartitionMissingError();
  const words = IN_WORDS[code] === undefined ? '' : ` (${IN_WORDS[code]})`;
  const told = `PostgreSQL answered with error ${code}${words}`;
  if (RETRIED.has(code)) return new RetriableError('unreachable', told);
  const kind = BY_CODE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 'internal';
  if (kind === 'lost') return lost(phase, told);
  return new StoreError(kind === 'data' && phase !== 'write' ? 'internal' : kind, told);
}

function lost(phase: Phase, message: string): StoreError {
  return new StoreError(phase === 'write' ? 'ambiguous' : 'unreachable', message);
}

/** What pg itself says of a connection that is lost, or not to be had. */
export function isDriverText(message: string | undefined): message is string {
  return /^(timeout|Query read timeout|Connection (terminated|ended)|Client (has|was))/.test(message ?? '');
}
