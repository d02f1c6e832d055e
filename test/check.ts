// `npm run check`: everything that can be told without running the program. Steps run side by side; what fails is shown.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

interface Step {
  readonly name: string;
  readonly run: () => Promise<string | undefined>;
}

const steps: Step[] = [
  { name: 'types', run: command('tsc', '--noEmit') },
  { name: 'lint and format', run: command('biome', 'check', '--error-on-warnings', '.') },
  { name: 'proto lint', run: command('buf', 'lint') },
  { name: 'proto breaking', run: protoBreaking },
  { name: 'generated code current', run: generatedCurrent },
  { name: 'import arrows', run: command('mocha', '--parallel=false', 'test/arrows.test.ts') },
];

const failures = await Promise.all(
  steps.map(async ({ name, run }) => {
    const started = performance.now();
    const failure = await run();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${failure === undefined ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
    return failure === undefined ? [] : [`\n== ${name}\n${failure}`];
  }),
);
for (const failure of failures.flat()) process.stdout.write(`${failure}\n`);
process.exitCode = failures.flat().length > 0 ? 1 : 0;

/** Resolves to the output if the command fails. */
function command(program: string, ...parameters: string[]): () => Promise<string | undefined> {
  return () =>
    new Promise((resolve) => {
      const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
      const output: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
      child.on('error', (error) => resolve(error.message));
      child.on('close', (code) => resolve(code === 0 ? undefined : Buffer.concat(output).toString()));
    });
}

/** Against main, or in a clone without that branch against the commit that it is at. */
async function protoBreaking(): Promise<string | undefined> {
  const known = await command('git', 'rev-parse', '--verify', '--quiet', 'main:proto')();
  const against = known === undefined ? '.git#branch=main' : '.git#ref=HEAD';
  return command('buf', 'breaking', '--against', against)();
}

/** Generates into a temporary folder and compares. */
async function generatedCurrent(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'paramd-gen-'));
  try {
    const failure =
      (await command('buf', 'generate', '-o', folder)()) ??
      (await command('buf', 'build', '-o', join(folder, 'gen', 'image.binpb'))());
    if (failure !== undefined) return failure;
    const [fresh, committed] = await Promise.all([contents(join(folder, 'gen')), contents('gen')]);
    const names = new Set([...fresh.keys(), ...committed.keys()]);
    const stale = [...names].filter((name) => fresh.get(name) !== committed.get(name));
    return stale.length === 0 ? undefined : `Run npm run generate and commit: ${stale.join(', ')}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function contents(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [relative(folder, file), await readFile(file, 'base64')] as const)),
  );
}
