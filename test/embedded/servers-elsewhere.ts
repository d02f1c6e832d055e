import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

interface Told {
  readonly url: string;
  readonly pid: number;
}

/** What start-servers.ts says. */
export interface ServersElsewhere {
  readonly postgres: Told;
  readonly valkey?: Told;
  readonly failure?: string;
  /** What the embedded servers logged. */
  readonly lines: readonly string[];
  /** SIGKILL to the process that started them; they stay. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface ElsewhereOptions {
  readonly folder: string;
  /** Empty: no Valkey. */
  readonly unpackInto?: string;
  /** A tree with src/embedded, the packages, and Node as `node`; default: this checkout and this Node. */
  readonly checkout?: string;
  readonly uid?: number;
}

export async function startServersElsewhere(options: ElsewhereOptions): Promise<ServersElsewhere> {
  const { folder, unpackInto = '', checkout, uid } = options;
  const script = resolve(checkout ?? '.', 'test', 'embedded', 'start-servers.ts');
  const node = checkout === undefined ? process.execPath : resolve(checkout, 'node');
  const child: ChildProcess = spawn(node, [script, folder, unpackInto], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const exited = once(child, 'exit');
  const [line] = await Promise.race([once(createInterface({ input: child.stdout! }), 'line'), exited]);
  if (typeof line !== 'string') throw new Error(`start-servers.ts ended: ${line}`);
  return {
    ...(JSON.parse(line) as Pick<ServersElsewhere, 'postgres' | 'valkey' | 'failure' | 'lines'>),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.stdin?.end();
      await exited;
    },
  };
}
