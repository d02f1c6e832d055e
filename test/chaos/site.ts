import type { Rpc } from '../e2e/rpc.ts';
import type { ReadOutcome, WriteOutcome } from '../history/history.ts';
import type { TestProxy } from '../support/proxy.ts';
import type { TestServer } from '../support/servers.ts';
import type { Reading, Writing } from './calls.ts';
import type { SmallDisk } from './small-disk.ts';

/** What a fault has before it: real processes, with a proxy on every link between them. */
export interface Site {
  readonly replicas: readonly SiteReplica[];
  readonly postgres: SitePostgres;
  readonly valkey: SiteValkey;
  readonly traffic: SiteTraffic;
  /** Called by faults to tell what they do, with its time: part of the trace of a run. */
  tell(line: string): void;
  /** Numbers for the report. */
  note(name: string, value: number, unit: 'ms' | 'count' | 'ratio' | 'bytes'): void;
  /** Milliseconds of the recorder's clock. */
  nowMs(): number;
  /** Stops everything that was started, also after a failure. */
  close(): Promise<void>;
}

/** What goes on all the time, seen from a fault. */
export interface SiteTraffic {
  /** Resolves when no write is in flight; none is called again until `resumeWrites`. */
  pauseWrites(): Promise<void>;
  resumeWrites(): void;
  /** One more client, whose calls are recorded and checked as those of the traffic: whatever a fault writes goes by one. */
  client(replica: Pick<SiteReplica, 'name' | 'rpc'>): RecordedClient;
  /** Something else than a client sets this, past all replicas: recorded as a write whose outcome is unknown. */
  setsApart(key: string, value: string): void;
  /** Newest revision of an acknowledged write, of those below this one. 0: there is none. */
  newestAcknowledged(below: bigint): bigint;
}

/** Its calls do not throw. */
export interface RecordedClient {
  get(key: string, demands?: Partial<Reading>, msMax?: number): Promise<ReadOutcome>;
  /** @param value one that no other write has; by default it makes one */
  set(key: string, value?: string, msMax?: number): Promise<WriteOutcome>;
  write(writing: Writing, msMax?: number): Promise<WriteOutcome>;
}

export interface SiteOptions {
  /** Default 3. */
  readonly replicas?: number;
  /** Environment of the replicas, over the site's own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default none. Streaming replication, by way of a proxy. */
  readonly standbys?: readonly ('asynchronous' | 'synchronous')[];
  /** Of the primary, as by `-c name=value`. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Default true: with fsync, as in production. */
  readonly durable?: boolean;
  /** PostgreSQL lies on a disk of its own of this size, where that can be had: see `SitePostgres.disk`. */
  readonly postgresDiskBytes?: number;
  /** Default false: Valkey has a replica, by way of a proxy. */
  readonly valkeyReplica?: boolean;
  readonly valkeySettings?: Readonly<Record<string, string>>;
  /** Faults of start: neither are replicas started nor is there traffic until the fault does it. Default true. */
  readonly startReplicas?: boolean;
}

/** One `paramd serve`, in a process of its own that keeps its listening address over its lives. */
export interface SiteReplica {
  readonly name: string;
  /** By way of `links.clients`: what the traffic uses. */
  readonly rpc: Rpc;
  /** Past the proxies. */
  readonly direct: Rpc;
  readonly links: {
    /** Clients to this replica. */
    readonly clients: TestProxy;
    /** This replica to PostgreSQL. */
    readonly store: TestProxy;
    /** This replica to Valkey. */
    readonly valkey: TestProxy;
  };
  /** Of its present life. */
  readonly pid: number;
  readonly running: boolean;
  /** Lines of the log, parsed, of all its lives. */
  readonly log: readonly LogLine[];
  /** Those that neither kill nor stop asked for, with what it said last. */
  readonly unexpectedExits: readonly string[];
  /** SIGKILL; an exit that was not announced by kill or stop fails the run. */
  kill(): Promise<void>;
  /** SIGTERM, and waits. @returns "exit code 0", or the signal */
  stop(): Promise<string>;
  /**
   * Again, on the same address. Resolves once it is ready.
   * @param program another build's bin/paramd.js
   * @returns ms from the start until /readyz said so
   */
  start(settings?: Readonly<Record<string, string>>, program?: string): Promise<number>;
  /** SIGSTOP, SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** What /readyz says: "ready", "waiting for PostgreSQL". */
  readiness(): Promise<string>;
  /** Of /metrics: `paramd_store_loads_total`. Sum over its labels. */
  metric(name: string): Promise<number>;
}

export interface LogLine {
  readonly msg: string;
  readonly level?: unknown;
  readonly why?: unknown;
  readonly bytes?: unknown;
}

export interface SitePostgres {
  /** The one that the links lead to. */
  readonly primary: TestServer;
  readonly standbys: readonly TestServer[];
  /**
   * Every server that was ever the primary, oldest first: where the truth is read, also of those that are dead by the
   * end (they are started for it, apart from all others).
   */
  readonly primaries: readonly PastPrimary[];
  /** Replication from the primary. */
  readonly replication: readonly TestProxy[];
  /** Straight to the present primary, past every proxy: for faults and for the truth. */
  readonly url: string;
  /** Makes a standby the primary and leads all links to it. The old one is dead or cut off by then. @returns when it took writes */
  promote(standby: number): Promise<number>;
  /** Leads every link to this server from now on; open connections break. */
  lead(to: TestServer): void;
  /** The same for a server that is the primary from now on. It runs and takes writes; the old one is dead or cut off. */
  replace(by: TestServer): void;
  /** What the first standby holds now. Stopped; once started, it is a primary in the same timeline. */
  backUp(): Promise<TestServer>;
  /** Starts the one that was the primary before, as it was when it ceased. No link leads to it. */
  comeBack(): Promise<TestServer>;
  /** What the first primary lies on. Undefined: none was asked for, or this machine does not let us mount one. */
  readonly disk: SmallDisk | undefined;
}

export interface PastPrimary {
  readonly server: TestServer;
  /** When no replica could reach it as the primary any more; Infinity: it still is the primary. */
  readonly untilMs: number;
}

export interface SiteValkey {
  readonly server: TestServer;
  readonly replica: TestServer | undefined;
  readonly replication: TestProxy | undefined;
  lead(to: TestServer): void;
}
