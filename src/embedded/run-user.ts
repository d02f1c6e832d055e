import { execFileSync, spawnSync } from 'node:child_process';
import { EmbeddedError } from './embedded-server.ts';

/** Whom a server runs as. */
export interface RunUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** As root: who PostgreSQL, which refuses root, runs as. Otherwise undefined: as whoever runs this. */
export function unprivilegedUser(): RunUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = lookUp('postgres') ?? lookUp('nobody');
  if (user === undefined) {
    throw new EmbeddedError(
      'PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody: ' +
        'run as an ordinary user, or create one (useradd --system postgres)',
    );
  }
  return user;
}

/** Whether that user can read and enter the path, asked of the system itself: modes, access lists, mounts. */
export function canReach(user: RunUser, path: string): boolean {
  const answer = spawnSync('test', ['-r', path, '-a', '-x', path], { uid: user.uid, gid: user.gid, cwd: '/' });
  return answer.status === 0;
}

function lookUp(name: string): RunUser | undefined {
  const id = (what: '-u' | '-g') =>
    Number(execFileSync('id', [what, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    const user = { name, uid: id('-u'), gid: id('-g') };
    return user.uid > 0 && user.gid > 0 ? user : undefined;
  } catch {
    return undefined;
  }
}
