import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { LogLine } from './embedded-server.ts';
import { unpackValkey } from './valkey-package.ts';

export interface ValkeyBinary {
  readonly program: string;
  /** What the program needs to find its libraries. */
  readonly environment: Readonly<Record<string, string>>;
  /** "8.0.1". */
  readonly version: string;
}

const versionMsMax = 10_000;

/**
 * On the PATH, or unpacked earlier, or unpacked now. Otherwise undefined, after one line that says how to get it.
 *
 * @param unpackInto may be shared by several processes
 */
export async function findValkey(unpackInto: string, log: LogLine): Promise<ValkeyBinary | undefined> {
  const known = (await onPath()) ?? (await unpackedIn(unpackInto));
  if (known !== undefined) return known;
  try {
    // What is there and does not run was unpacked for an older system.
    await rm(unpackInto, { recursive: true, force: true });
    await unpackValkey(unpackInto, log);
    const unpacked = await unpackedIn(unpackInto);
    if (unpacked !== undefined) return unpacked;
    throw new Error(`the unpacked program in ${unpackInto} does not run`);
  } catch (error) {
    log(
      `no Valkey: install valkey-server (Debian 12: from backports; macOS: brew install valkey) or set VALKEY_URL; ` +
        `fetching the package failed: ${lastLine(error as Error)}`,
    );
    return undefined;
  }
}

async function onPath(): Promise<ValkeyBinary | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const found = await runnable(join(folder, 'valkey-server'), {});
    if (found !== undefined) return found;
  }
  return undefined;
}

function unpackedIn(folder: string): Promise<ValkeyBinary | undefined> {
  const libraries = join(folder, 'usr', 'lib');
  const folders = [libraries, ...list(libraries).map((name) => join(libraries, name))];
  return runnable(join(folder, 'usr', 'bin', 'valkey-server'), { LD_LIBRARY_PATH: folders.join(delimiter) });
}

/** Undefined if it is not there, or does not run: then a library may be missing. */
async function runnable(program: string, environment: Record<string, string>): Promise<ValkeyBinary | undefined> {
  try {
    accessSync(program, constants.X_OK);
    const options = { env: { ...process.env, ...environment }, timeout: versionMsMax };
    const { stdout } = await promisify(execFile)(program, ['--version'], options);
    const version = /\bv=([\d.]+)/.exec(stdout)?.[1];
    return version === undefined ? undefined : { program, environment, version };
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function lastLine(error: Error & { stderr?: string }): string {
  return (error.stderr?.trim() || error.message).split('\n').at(-1) ?? '';
}
