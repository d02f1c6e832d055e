import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { settingsTable } from '../config/describe.ts';
import { type Config, loadConfig } from '../config/load-config.ts';
import { EmbeddedError, type EmbeddedServer } from '../embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { startEmbeddedValkey } from '../embedded/valkey.ts';
import type { Replica } from '../main.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note } from './io.ts';
import { packageVersion } from './package-root.ts';
import { configured, runReplica } from './replica-process.ts';

export function registerDev(program: Command, io: Io): void {
  program
    .command('dev')
    .summary('run everything on this machine')
    .description(
      'Runs a replica with a PostgreSQL and a Valkey of its own, kept in .paramd/; with DATABASE_URL, PGHOST or VALKEY_URL on yours.',
    )
    .addHelpText('after', () => `\nEnvironment variables:\n${settingsTable('plain')}\n\nExample:\n  paramd dev`)
    .action(async () => {
      const config = configured(io, (env) => loadConfig(quiet(env), { embeddedAllowed: true }));
      await runDev(io, config);
    });
}

async function runDev(io: Io, config: Config): Promise<void> {
  const interrupted = io.interrupted();
  const servers: EmbeddedServer[] = [];
  try {
    const postgres = config.embedded ? await startPostgres(io, config, servers) : undefined;
    if (interrupted.aborted) return;
    const valkey = config.valkeyUrl === undefined ? await startValkey(io, config, servers) : undefined;
    if (interrupted.aborted) return;
    await runReplica({
      config: {
        ...config,
        databaseUrl: postgres?.url ?? config.databaseUrl,
        valkeyUrl: valkey?.url ?? config.valkeyUrl,
      },
      started: (replica) => io.stdout.write(greeting(config, replica)),
      interrupted,
      ...(postgres && {
        lost: postgres.ended.then(() => 'the embedded PostgreSQL has ended; see its log in the data folder'),
      }),
    });
  } catch (error) {
    if (!(error instanceof EmbeddedError)) throw error;
    throw new Failure(EXIT.error, error.message, { cause: error });
  } finally {
    for (const server of servers.reverse()) await server.stop();
  }
}

async function startPostgres(io: Io, config: Config, servers: EmbeddedServer[]): Promise<EmbeddedServer> {
  const server = await startEmbeddedPostgres({
    folder: join(resolve(config.dataDir), 'postgres'),
    log: (line) => note(io, line),
  });
  servers.push(server);
  return server;
}

async function startValkey(io: Io, config: Config, servers: EmbeddedServer[]): Promise<EmbeddedServer | undefined> {
  const server = await startEmbeddedValkey({
    folder: join(resolve(config.dataDir), 'valkey'),
    log: (line) => note(io, line),
  });
  if (server !== undefined) servers.push(server);
  return server;
}

/** A terminal is for the greeting; whoever wants every call in the log says so. */
function quiet(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PARAMD_LOG_LEVEL: 'warn', ...env };
}

function greeting(config: Config, replica: Replica): string {
  const target = replica.port === 50051 ? '' : ` --target ${replica.host}:${replica.port}`;
  const lines = [
    `paramd ${packageVersion()} serves gRPC on ${replica.host}:${replica.port}, metrics on http://${replica.httpHost}:${replica.httpPort}/metrics`,
    `  store         ${replica.store}${config.embedded ? `, data in ${config.dataDir}` : ''}`,
    `  shared cache  ${replica.sharedCache ?? 'none: every read beyond memory goes to PostgreSQL'}`,
    'Try in another terminal:',
    `  npx paramd set${target} app:config:max_users 100`,
    `  npx paramd watch${target} app:config:`,
    'Ctrl-C stops all of it; the data stays.',
  ];
  return `${lines.join('\n')}\n`;
}
