import { type Config, ConfigError } from '../config/load-config.ts';
import type { Replica } from '../main.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';
import { packageVersion } from './package-root.ts';

/** What it takes to run a replica until the process is told to end. */
export interface ReplicaRun {
  readonly config: Config;
  /** What to tell once it serves. */
  readonly started: (replica: Replica) => void;
  readonly interrupted: AbortSignal;
  /** Settles if something happened that a replica cannot go on without. */
  readonly lost?: Promise<string>;
}

/** Runs one replica; resolves when it has drained. */
export async function runReplica({ config, started, interrupted, lost }: ReplicaRun): Promise<void> {
  // Here and not above: it would double the start of every other command.
  const { startReplica } = await import('../main.ts');
  const replica = await startReplica({ config, version: packageVersion(), signal: interrupted }).catch((error) => {
    if (interrupted.aborted) return undefined;
    throw startFailure(error, config);
  });
  if (replica === undefined) return;
  if (!interrupted.aborted) started(replica);
  const ended = new Promise<undefined>((resolve) => {
    if (interrupted.aborted) resolve(undefined);
    interrupted.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  // Timers do not keep the process alive; waiting to be told to end does.
  const alive = setInterval(() => {}, 1 << 30);
  const why = await Promise.race([ended, lost ?? new Promise<string>(() => {})]);
  clearInterval(alive);
  await replica.stop();
  if (why !== undefined) throw new Failure(EXIT.error, why);
}

/** The environment as a configuration. @throws Failure that lists all that is wrong */
export function configured(io: Io, load: (env: NodeJS.ProcessEnv) => Config): Config {
  try {
    return load({ ...io.env } as NodeJS.ProcessEnv);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) io.stderr.write(`paramd: ${problem}\n`);
    throw new Failure(EXIT.usage, '');
  }
}

function startFailure(error: unknown, config: Config): unknown {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    const variable = port === config.httpListen.port ? 'PARAMD_HTTP_LISTEN' : 'PARAMD_LISTEN';
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : 'may not be used';
    return new Failure(EXIT.error, `port ${port} ${why}; set ${variable} to another address, such as 127.0.0.1:0`);
  }
  return error;
}
