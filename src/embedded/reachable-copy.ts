import { access, chmod, cp, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError, type LogLine } from './embedded-server.ts';
import { canReach, type RunUser } from './run-user.ts';

const defaultCaches: readonly string[] = ['/var/cache/paramd', join(tmpdir(), 'paramd-cache')];

/**
 * A checkout under a home of mode 700 cannot be entered by the user whom root lets a server run as. Then the programs
 * are copied, once per name, which must contain their version. Only root gets here: a copy that is not root's alone is
 * not trusted, since anybody can make a folder in /tmp.
 */
export async function reachableCopy(
  source: string,
  name: string,
  user: RunUser,
  log: LogLine,
  caches = defaultCaches,
): Promise<string> {
  const refusals: string[] = [];
  for (const cache of caches) {
    try {
      await mkdir(cache, { recursive: true, mode: 0o755 });
      await assertRootsOwn(cache);
      const copy = join(cache, name);
      if (!(await exists(copy))) {
        log(`copying ${source} to ${copy}, because the user ${user.name} cannot enter it`);
        await copyAtOnce(source, cache, copy);
      }
      await assertRootsOwn(copy);
      if (canReach(user, copy)) return copy;
      refusals.push(`nor ${copy}`);
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  throw new EmbeddedError(
    `the user ${user.name}, as whom the server has to run, cannot enter ${source} (${refusals.join('; ')}): ` +
      'move the checkout to a folder that everybody can enter, run as an ordinary user, or set DATABASE_URL',
  );
}

/** Whole or not at all, also when several do it. */
async function copyAtOnce(source: string, cache: string, copy: string): Promise<void> {
  const half = await mkdtemp(join(cache, 'copying-'));
  try {
    await cp(source, half, { recursive: true, verbatimSymlinks: true });
    await chmod(half, 0o755);
    await rename(half, copy);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    // Somebody else was faster: his copy is as good.
    if (!(await exists(copy))) throw error;
  }
}

async function assertRootsOwn(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error(`${folder} is not root's alone`);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
