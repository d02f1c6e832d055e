import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Child, childIsReady, startChild } from './child.ts';
import { EmbeddedError, type EmbeddedServer, type LogLine } from './embedded-server.ts';
import { lockFolder } from './folder-lock.ts';
import { choosePort } from './free-port.ts';
import { stopProcess } from './process.ts';
import { rememberedProcess, rememberProcess } from './remembered-process.ts';
import { openServerLog } from './server-log.ts';
import { findValkey, type ValkeyBinary } from './valkey-binary.ts';

export interface EmbeddedValkeyOptions {
  /** Holds the configuration, the password, the port and the log; made if missing. No data: Valkey is a cache here. */
  readonly folder: string;
  /** Where the distribution's package is unpacked if it must be. Default: `package` in the folder. */
  readonly unpackInto?: string | undefined;
  /** Default: the one of the last start, at first any free one. */
  readonly port?: number | undefined;
  readonly log: LogLine;
  /** More lines of configuration. */
  readonly settings?: Readonly<Record<string, string>>;
}

const startsMax = 5;
const readyMsMax = 20_000;
const stopSteps = [{ signal: 'SIGTERM', waitMs: 3000 }] as const;

const baseSettings = {
  bind: '127.0.0.1',
  // Everything in it can be had from PostgreSQL again: nothing is kept on disk, and when memory runs out whatever has
  // not been used for longest goes. Refusing writes (noeviction) would freeze the cache on old entries.
  save: '""',
  appendonly: 'no',
  maxmemory: '256mb',
  'maxmemory-policy': 'allkeys-lru',
};

/** Starts Valkey, after stopping what a killed run may have left. Undefined where it cannot be had; the log says how. */
export async function startEmbeddedValkey(options: EmbeddedValkeyOptions): Promise<EmbeddedServer | undefined> {
  const folder = resolve(options.folder);
  const binary = await findValkey(resolve(options.unpackInto ?? join(folder, 'package')), options.log);
  if (binary === undefined) return undefined;
  const lock = lockFolder(folder);
  try {
    chmodSync(folder, 0o700);
    await stopOrphanedValkey(folder, options.log);
    const password = rememberedPassword(folder);
    const { child, port } = await start(folder, password, binary, options);
    child.unref();
    return {
      url: `valkey://:${password}@127.0.0.1:${port}`,
      port,
      pid: child.pid,
      description: `Valkey ${binary.version}`,
      ended: child.ended,
      stop: async () => {
        await stopProcess(child, stopSteps);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A port may be taken between looking and binding. */
async function start(
  folder: string,
  password: string,
  binary: ValkeyBinary,
  options: EmbeddedValkeyOptions,
): Promise<{ child: Child; port: number }> {
  const portFile = join(folder, 'port');
  let complaint = '';
  for (let attempt = 0; attempt < startsMax; attempt++) {
    const port = await choosePort(options.port, portFile, 'Valkey', options.log);
    const settings = { ...baseSettings, ...options.settings, port: String(port), requirepass: password };
    // A file and not the command line, which everybody on the machine can read.
    const lines = [...Object.entries(settings), ['dir', JSON.stringify(folder)]].map((line) => `${line.join(' ')}\n`);
    writeFileSync(join(folder, 'valkey.conf'), lines.join(''), { mode: 0o600 });
    const output = openServerLog(join(folder, 'valkey.log'));
    const child = startChild({
      program: binary.program,
      parameters: [join(folder, 'valkey.conf')],
      output: output.handle,
      environment: binary.environment,
    });
    rememberProcess(join(folder, 'process'), child);
    output.close();
    if (await childIsReady(child, () => output.tail().includes('Ready to accept connections'), readyMsMax)) {
      writeFileSync(portFile, String(port));
      return { child, port };
    }
    complaint = output.tail();
    await stopProcess(child, stopSteps);
    if (!/Address already in use|Failed listening/.test(complaint)) break;
  }
  throw new EmbeddedError(`Valkey in ${folder} does not start:\n${complaint}`);
}

function rememberedPassword(folder: string): string {
  const path = join(folder, 'password');
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600 });
  return readFileSync(path, 'utf8');
}

/** Stops the Valkey of that folder if one runs although nobody holds the folder. Hold its lock. */
export async function stopOrphanedValkey(folder: string, log: LogLine): Promise<void> {
  const orphan = rememberedProcess(join(folder, 'process'));
  if (orphan === undefined) return;
  log(`stopping the Valkey that an earlier run left (process ${orphan.pid})`);
  await stopProcess(orphan, stopSteps);
}
