import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, childIsReady, startChild } from './child.ts';
import { EmbeddedError, type EmbeddedServer, type LogLine } from './embedded-server.ts';
import { lockFolder } from './folder-lock.ts';
import { choosePort } from './free-port.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { findPostmaster, killStrays, postmasterIsReady, removeStalePid, stopPostmaster } from './postmaster.ts';
import { stopProcess } from './process.ts';
import { forgetProcess, rememberedProcess, rememberProcess } from './remembered-process.ts';
import { openServerHome, type ServerHome } from './server-home.ts';
import { openServerLog } from './server-log.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the data, the password, the port and the log; made if missing. */
  readonly folder: string;
  /** Default: the one of the last start, at first any free one. */
  readonly port?: number | undefined;
  readonly log: LogLine;
  /** More server settings, as by `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** False: creating the data does not wait for the disk. Only for data that nobody will miss. */
  readonly durable?: boolean;
}

const startsMax = 5;
const readyMsMax = 60_000;
const orphanMemoryMs = 500;

const baseSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  // The detail of an error or a failed statement may hold a parameter's value.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

/** Starts PostgreSQL on the folder's data, after stopping what a killed run may have left there. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedServer> {
  const folder = resolve(options.folder);
  const lock = lockFolder(folder);
  try {
    const home = openServerHome(folder);
    try {
      const binaries = await findPostgresBinaries(home.user, options.log);
      await createData(home, binaries, options);
      const { child, port } = await start(home, binaries, options);
      child.unref();
      const password = readFileSync(join(folder, 'password'), 'utf8');
      return {
        url: `postgres://paramd:${password}@127.0.0.1:${port}/postgres`,
        port,
        pid: child.pid,
        description: `PostgreSQL ${binaries.version}`,
        ended: child.ended,
        stop: async () => {
          await stopPostmaster(child);
          lock.release();
        },
      };
    } finally {
      home.close();
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** initdb in a folder beside, so that a killed one leaves nothing that looks like data. */
async function createData(
  home: ServerHome,
  binaries: PostgresBinaries,
  options: EmbeddedPostgresOptions,
): Promise<void> {
  const data = join(home.folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) {
    const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
    const major = binaries.version.split('.')[0];
    if (found === major) return;
    throw new EmbeddedError(
      `${data} was written by PostgreSQL ${found}, this is ${binaries.version}: export it with the older one, or remove it`,
    );
  }
  const killedBefore = rememberedProcess(join(home.folder, 'initdb'));
  if (killedBefore !== undefined) await stopProcess(killedBefore, []);
  rmSync(join(home.folder, 'data.new'), { recursive: true, force: true });
  const password = join(home.folder, 'password');
  writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  home.give(password);
  const output = openServerLog(join(home.folder, 'postgres.log'));
  const durability = options.durable === false ? ['--no-sync'] : [];
  const initdb = startChild({
    program: binaries.initdb,
    parameters: [
      ...['-D', home.inside('data.new'), '--username=paramd', `--pwfile=${home.inside('password')}`],
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', ...durability],
    ],
    user: home.user,
    output: output.handle,
    handle: home.handle,
  });
  output.close();
  rememberProcess(join(home.folder, 'initdb'), initdb);
  await initdb.ended;
  forgetProcess(join(home.folder, 'initdb'));
  if (initdb.ending() !== 'exit code 0') {
    throw new EmbeddedError(`initdb failed (${initdb.ending()}) in ${home.folder}:\n${output.tail()}`);
  }
  renameSync(join(home.folder, 'data.new'), data);
}

/** A port may be taken between looking and binding; an orphan's memory may take a moment to go. */
async function start(
  home: ServerHome,
  binaries: PostgresBinaries,
  options: EmbeddedPostgresOptions,
): Promise<{ child: Child; port: number }> {
  const data = join(home.folder, 'data');
  const portFile = join(home.folder, 'port');
  let complaint = '';
  for (let attempt = 0; attempt < startsMax; attempt++) {
    await stopOrphanedPostgres(home.folder, options.log);
    const port = await choosePort(options.port, portFile, 'PostgreSQL', options.log);
    const output = openServerLog(join(home.folder, 'postgres.log'));
    const settings = { ...baseSettings, ...options.settings, port: String(port) };
    const child = startChild({
      program: binaries.postgres,
      parameters: [
        ...['-D', home.inside('data')],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      user: home.user,
      output: output.handle,
      handle: home.handle,
    });
    output.close();
    if (await childIsReady(child, () => postmasterIsReady(data, child.pid), readyMsMax)) {
      writeFileSync(portFile, String(port));
      return { child, port };
    }
    complaint = output.tail();
    if (child.ending() === undefined) {
      await stopPostmaster(child);
      throw new EmbeddedError(`PostgreSQL in ${data} was not ready within ${readyMsMax / 1000} s:\n${complaint}`);
    }
    if (/shared memory block|lock file/.test(complaint)) await sleep(orphanMemoryMs);
    else if (!/could not bind|could not create any TCP/.test(complaint)) break;
  }
  throw new EmbeddedError(`PostgreSQL in ${data} does not start:\n${complaint}`);
}

/** Stops the PostgreSQL of that folder if one runs although nobody holds the folder. Hold its lock. */
export async function stopOrphanedPostgres(folder: string, log: LogLine): Promise<void> {
  const data = join(folder, 'data');
  const orphan = findPostmaster(data);
  if (orphan !== undefined) {
    log(`stopping the PostgreSQL that an earlier run left (process ${orphan.pid})`);
    await stopPostmaster(orphan);
  }
  await killStrays(data);
  removeStalePid(data);
}
