import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MIGRATIONS = 'src/adapters/postgres/migrations';
/** Without a release to go back to, this many changes of the program are taken back. */
const CHANGES_BACK = 25;

/**
 * The program as it was: the newest release, or without one some changes ago; but with the present schema, since no program
 * starts on a newer one. Undefined: this is no checkout with so much history.
 * @param folder empty
 * @returns its bin/paramd.js
 */
export function unpackPreviousBuild(folder: string): { readonly program: string; readonly name: string } | undefined {
  const before =
    git('describe', '--tags', '--abbrev=0') ?? git('log', '-1', `--skip=${CHANGES_BACK}`, '--format=%h', '--', 'src');
  const schema = git('log', '-1', '--format=%h', '--', MIGRATIONS);
  if (before === undefined || schema === undefined) return undefined;
  const commit = git('merge-base', before, schema) === git('rev-parse', schema) ? before : schema;
  const archive = join(folder, 'archive.tar');
  if (git('archive', '--output', archive, commit, 'bin', 'src', 'gen', 'proto', 'package.json') === undefined)
    return undefined;
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return { program: join(folder, 'bin', 'paramd.js'), name: commit };
}

/**
 * The present program, compiled, as the package and the image have it.
 * @param folder empty
 * @returns its bin/paramd.js
 */
export function compileThisBuild(folder: string): string {
  const root = join(folder, 'node_modules', 'paramd');
  mkdirSync(root, { recursive: true });
  const compiler = resolve('node_modules', '.bin', 'tsc');
  execFileSync(compiler, ['-p', 'tsconfig.build.json', '--outDir', join(root, 'dist'), '--declaration', 'false']);
  cpSync(MIGRATIONS, join(root, 'dist', MIGRATIONS), { recursive: true });
  for (const part of ['bin', 'proto', 'package.json', 'gen/image.binpb'])
    cpSync(part, join(root, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  return join(root, 'bin', 'paramd.js');
}

/** Undefined: git cannot say. */
function git(...asked: readonly string[]): string | undefined {
  try {
    const told = execFileSync('git', asked, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return told === '' && asked[0] !== 'archive' ? undefined : told;
  } catch {
    return undefined;
  }
}
