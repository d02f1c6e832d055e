// A PostgreSQL and a Valkey for one run of the demo or a benchmark, in a temporary folder that goes when the run ends.
// A run that was killed cannot tidy up: the next one finds its folder, which nobody holds any more, and does it.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedServer, LogLine } from '../embedded/embedded-server.ts';
import { lockFolder } from '../embedded/folder-lock.ts';
import { startEmbeddedPostgres, stopOrphanedPostgres } from '../embedded/postgres.ts';
import { stopProcess } from '../embedded/process.ts';
import { rememberedProcess } from '../embedded/remembered-process.ts';
import { startEmbeddedValkey } from '../embedded/valkey.ts';

export interface ThrowawayServers {
  readonly postgres: EmbeddedServer;
  /** Undefined: it cannot be had here. */
  readonly valkey: EmbeddedServer | undefined;
  /** For one more server: if the run is killed, the next one ends the process that is remembered there as `process`. */
  folderOf(server: string): string;
  /** SIGKILL, as when its machine fails. */
  killValkey(): Promise<void>;
  /** After killValkey, on the same port, empty. */
  restartValkey(): Promise<EmbeddedServer | undefined>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface ThrowawayOptions {
  /** Where Valkey's package is unpacked if the machine has none; it stays there for the next run. */
  readonly valkeyPackage: string;
  readonly log: LogLine;
}

const PREFIX = 'paramd-throwaway-';
/** A new run makes its folder first and locks it then. */
const NEW_RUN_MS = 10_000;

export async function startThrowawayServers({ valkeyPackage, log }: ThrowawayOptions): Promise<ThrowawayServers> {
  await sweepKilledRuns();
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  const [postgresFolder, valkeyFolder] = [join(folder, 'postgres'), join(folder, 'valkey')];
  const startValkey = (port?: number) =>
    startEmbeddedValkey({ folder: valkeyFolder, unpackInto: valkeyPackage, port, log });
  chmodSync(folder, 0o711);
  const lock = lockFolder(folder);
  let closed = false;
  const running: { postgres?: EmbeddedServer; valkey?: EmbeddedServer | undefined } = {};
  const close = async () => {
    if (closed) return;
    closed = true;
    await Promise.all([running.postgres?.stop(), running.valkey?.stop()]);
    rmSync(folder, { recursive: true, force: true });
    lock.release();
  };
  const started = await Promise.allSettled([
    startEmbeddedPostgres({ folder: postgresFolder, log, durable: false }).then((server) => {
      running.postgres = server;
    }),
    startValkey().then((server) => {
      running.valkey = server;
    }),
  ]);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined || running.postgres === undefined) {
    await close();
    throw failed?.reason;
  }
  return {
    postgres: running.postgres,
    valkey: running.valkey,
    folderOf(server) {
      const own = join(folder, server);
      mkdirSync(own, { recursive: true });
      return own;
    },
    async killValkey() {
      if (running.valkey === undefined) return;
      process.kill(running.valkey.pid, 'SIGKILL');
      await running.valkey.ended;
    },
    async restartValkey() {
      const port = running.valkey?.port;
      await running.valkey?.stop();
      running.valkey = await startValkey(port);
      return running.valkey;
    },
    close,
  };
}

export async function sweepKilledRuns(within = tmpdir(), newRunMs = NEW_RUN_MS): Promise<void> {
  for (const name of readdirSync(within).filter((name) => name.startsWith(PREFIX))) {
    const folder = join(within, name);
    try {
      if (Date.now() - statSync(folder).birthtimeMs < newRunMs) continue;
      const held = lockFolder(folder);
      await stopOrphanedPostgres(join(folder, 'postgres'), () => {});
      for (const server of readdirSync(folder)) {
        const orphan = rememberedProcess(join(folder, server, 'process'));
        if (orphan !== undefined) await stopProcess(orphan, [{ signal: 'SIGTERM', waitMs: 3000 }]);
      }
      rmSync(folder, { recursive: true, force: true });
      held.release();
    } catch {
      // In use, or another user's.
    }
  }
}
