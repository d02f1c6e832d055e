import { status } from '@grpc/grpc-js';
import { ParamdRpcError } from '../client/index.ts';

/** What a script can tell from the exit code; `paramd --help` lists it. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  condition: 4,
  unavailable: 5,
  programNotRun: 126,
  programNotFound: 127,
  interrupted: 130,
} as const;

/** Ends the command with one line on stderr; an empty one says nothing. */
export class Failure extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, line: string, options?: ErrorOptions) {
    super(line, options);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}

const EXIT_OF_STATUS: Record<number, number> = {
  [status.NOT_FOUND]: EXIT.notFound,
  [status.ABORTED]: EXIT.condition,
  [status.ALREADY_EXISTS]: EXIT.condition,
  [status.FAILED_PRECONDITION]: EXIT.condition,
  [status.UNAVAILABLE]: EXIT.unavailable,
  [status.DEADLINE_EXCEEDED]: EXIT.unavailable,
};

/** In one line, with what to do about it. */
export function failureOfCall(error: ParamdRpcError, target: string): Failure {
  return new Failure(EXIT_OF_STATUS[error.code] ?? EXIT.error, lineOf(error, target), { cause: error });
}

function lineOf(error: ParamdRpcError, target: string): string {
  if (error.reason !== undefined) return error.message || error.reason;
  switch (error.code) {
    case status.UNAVAILABLE:
      if (/ECONNREFUSED|ENOENT/.test(error.message)) {
        return `nothing answers at ${target}; start one with \`npx paramd dev\`, or give --target / PARAMD_TARGET`;
      }
      if (/ENOTFOUND|EAI_AGAIN|Name resolution/i.test(error.message)) {
        return `${target} is not a known host; give --target / PARAMD_TARGET`;
      }
      return `no connection to ${target} (${error.message.replace(/^no connection: /, '')}); ${tlsHint(error.message)}`;
    case status.DEADLINE_EXCEEDED:
      return `no answer from ${target} in time; --timeout waits longer, --target / PARAMD_TARGET asks another one`;
    case status.UNIMPLEMENTED:
      return `${target} answers, but does not know this call: it is no paramd, or an older one`;
    case status.NOT_FOUND:
      return error.message || 'not found';
    default:
      return `${error.message} (${error.status} from ${target})`;
  }
}

function tlsHint(message: string): string {
  if (/certificate required/.test(message)) return 'give --tls-cert and --tls-key: it demands a certificate of yours';
  if (/altnames/.test(message)) return 'give the name in its certificate by --tls-server-name';
  if (/certificate/.test(message)) return 'give the authority of its certificate by --tls-ca';
  return 'if it speaks TLS, give --tls or --tls-ca, if not, leave them out';
}

/**
 * Names the request id of a write of which nobody knows whether it was done: with it, it can be repeated and is not done
 * twice (C8).
 */
export async function repeatable<T>(requestId: string, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!(error instanceof ParamdRpcError) || !isOutcomeUnknown(error)) throw error;
    const way = `to make sure within the hour, repeat the command with --request-id ${requestId}`;
    throw new Failure(EXIT.unavailable, `whether it was written is not known; ${way}`, { cause: error });
  }
}

/** In the words of the client and of grpc-js. */
const NEVER_SENT = /^no connection|Name resolution|No addresses/;

function isOutcomeUnknown({ reason, code, message }: ParamdRpcError): boolean {
  if (reason !== undefined) return reason === 'OUTCOME_UNKNOWN';
  return code === status.DEADLINE_EXCEEDED || (code === status.UNAVAILABLE && !NEVER_SENT.test(message));
}
