/** A server that paramd started for itself on this machine: loopback only, with a random password. */
export interface EmbeddedServer {
  /** With user and password: never log it. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** For people: "PostgreSQL 18.4". */
  readonly description: string;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Bounded: asks, insists, kills. Afterwards nothing of the server runs. */
  stop(): Promise<void>;
}

/** One line for people; never a secret. */
export type LogLine = (line: string) => void;

/** A server could not be started, for a reason that its message tells together with what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}
