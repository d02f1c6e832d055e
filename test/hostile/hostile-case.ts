import type { Victim } from './victim.ts';

/** One thing that no decent client does. */
export interface HostileCase {
  readonly group: string;
  readonly name: string;
  /** For the table. */
  readonly sends: string;
  /**
   * Status, reason and fields or limit ("INVALID_ARGUMENT INVALID_FIELD key"), or what HTTP/2 does instead
   * ("GOAWAY PROTOCOL_ERROR", "RST_STREAM CANCEL", "HTTP 415", "closed"). "OK" is the answer to an innocent call that
   * follows on the same connection, where nothing else comes of it. " or " stands between what a race decides.
   */
  readonly expected: string;
  /** Of the row of the table that it shares with the same thing elsewhere. By default it has a row of its own. */
  readonly summary?: string;
  /** As the expected is told. Leaves no connection behind. */
  readonly run: (victim: Victim) => Promise<string>;
  /** Fields of requests that it abuses: "GetParameterRequest.consistency.max_staleness". */
  readonly covers?: readonly string[];
  /** Megabytes, or seconds: memory is looked at after each; in `npm test` only a sample of them runs. */
  readonly flood?: 'sample' | 'campaign';
}
