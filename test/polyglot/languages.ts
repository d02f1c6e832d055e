import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Language {
  readonly name: string;
  /** Programs that must be on the PATH. */
  readonly toolchain: readonly string[];
  /** Command that builds it, in a folder. */
  readonly build?: { readonly folder: string; readonly command: readonly string[] };
  /** Runs `tour [prefix]`, `live_parameter` and `scenario`. */
  readonly run: string;
}

/** The slowest to build first. */
export const LANGUAGES: readonly Language[] = [
  language('rust', ['cargo']),
  language('java', ['java', 'mvn']),
  language('python', ['python3']),
  language('go', ['go']),
  { name: 'typescript', toolchain: [], run: 'examples/typescript/run.sh' },
];

export const GRPCURL = {
  name: 'grpcurl',
  toolchain: ['go'],
  build: {
    folder: 'test/polyglot/tools',
    command: ['go', 'build', '-o', 'bin/', 'github.com/fullstorydev/grpcurl/cmd/grpcurl'],
  },
  run: 'test/polyglot/tools/bin/grpcurl',
} satisfies Language;

/** By default all; those who work on some may name them. */
const chosen = process.env.PARAMD_TEST_LANGUAGES?.split(',');
export const CHOSEN = LANGUAGES.filter(({ name }) => chosen?.includes(name) ?? true);

export const BUILD_MS_MAX = 15 * 60_000;
let built: Promise<void> | undefined;

/** Builds the chosen ones and grpcurl, once for all files of tests. */
export async function ensureBuilt(): Promise<void> {
  const clients = [...CHOSEN, GRPCURL];
  demandToolchains(clients);
  built ??= buildAll(clients);
  await built;
}

function language(name: string, toolchain: readonly string[]): Language {
  const folder = join('examples', name);
  return { name, toolchain, build: { folder, command: ['./build.sh'] }, run: join(folder, 'run.sh') };
}

/** @throws Error that names all programs that are missing */
function demandToolchains(languages: readonly Language[]): void {
  const missing = [...new Set(languages.flatMap(({ toolchain }) => toolchain))].filter((program) => !onPath(program));
  if (missing.length > 0) {
    throw new Error(`not on the PATH: ${missing.join(', ')}; docs/languages.md says what npm run test:polyglot needs`);
  }
}

/** Two at a time, as many as small machines have cores. @throws Error with what the builds printed that failed */
async function buildAll(languages: readonly Language[]): Promise<void> {
  const waiting = [...languages];
  const failures: string[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const startedAtMs = performance.now();
      const failure = await build(next);
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.log(`    ${failure === undefined ? 'built' : 'COULD NOT BUILD'} ${next.name} (${seconds} s)`);
      if (failure !== undefined) failures.push(`${next.name}:\n${failure}`);
    }
  };
  await Promise.all([work(), work()]);
  if (failures.length > 0) throw new Error(`could not be built:\n${failures.join('\n')}`);
}

/** @returns what it printed if it failed */
function build({ build }: Language): Promise<string | undefined> {
  if (build === undefined) return Promise.resolve(undefined);
  const [program = '', ...parameters] = build.command;
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { cwd: build.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : output));
  });
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
