import { chmodSync, chownSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-server.ts';
import { canReach, type RunUser, unprivilegedUser } from './run-user.ts';

// The folder of a server that root starts and another user runs. PostgreSQL opens its data by a path, and below a home
// of mode 700 that user can enter no path. Putting the data elsewhere would break the promise that everything is in the
// folder that was asked for. So the child inherits the folder as an open file, and reaches it as /proc/self/fd/3, which
// asks no permission of the folders above.

export interface ServerHome {
  readonly folder: string;
  /** Undefined: whoever runs this. */
  readonly user: RunUser | undefined;
  /** A path below the folder, as the server is to be told. */
  inside(name: string): string;
  /** To hand to the child, if paths inside need it. */
  readonly handle: number | undefined;
  /** Gives a file of ours to the user. */
  give(path: string): void;
  close(): void;
}

const childHandle = 3;

/** Makes the folder and gives it to the user; a server that has run there before keeps its user. */
export function openServerHome(folder: string): ServerHome {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const user = userOf(folder);
  const give = (path: string) => {
    if (user !== undefined) chownSync(path, user.uid, user.gid);
  };
  give(folder);
  chmodSync(folder, 0o700);
  if (user === undefined || canReach(user, folder)) {
    return { folder, user, inside: (name) => join(folder, name), handle: undefined, give, close: () => {} };
  }
  if (process.platform !== 'linux') {
    throw new EmbeddedError(
      `the user ${user.name}, as whom PostgreSQL runs here, cannot enter ${folder}: run as an ordinary user`,
    );
  }
  const handle = openSync(folder, 'r');
  const inside = (name: string) => `/proc/self/fd/${childHandle}/${name}`;
  return { folder, user, inside, handle, give, close: () => closeSync(handle) };
}

function userOf(folder: string): RunUser | undefined {
  const self = process.getuid?.();
  if (self === undefined) return undefined;
  const { uid, gid } = statSync(folder);
  if (self !== 0 && uid !== self) {
    throw new EmbeddedError(`${folder} belongs to another user (uid ${uid}): run as that user, or remove the folder`);
  }
  if (self === 0 && uid !== 0) return { name: `with uid ${uid}`, uid, gid };
  return unprivilegedUser();
}
