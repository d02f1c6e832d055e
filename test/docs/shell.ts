import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** A terminal of the reader. */
export interface Shell {
  /** @returns what it wrote to standard output @throws Error with all that it wrote, if it fails */
  type(line: string, withinMs?: number): Promise<string>;
  /** For what stays open. */
  start(line: string): OpenLine;
  /** Kills what is still open. */
  close(): Promise<void>;
}

export interface OpenLine {
  /** Standard output and standard error. */
  output(): string;
  /** @throws Error with all that it wrote, if it ends before */
  shown(text: string | RegExp): Promise<void>;
  /** Ctrl-C: to all that the line has started. */
  interrupt(): void;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string>;
}

interface StartedLine extends OpenLine {
  stdout(): string;
  /** All that the line has started. */
  kill(signal: NodeJS.Signals): void;
}

export interface ShellOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const LINE_MS_MAX = 45_000;
/** Programs of this checkout, without what npx costs; `paramd` alone is for those who have installed it. */
const PROGRAMS = `
npx() { local name=$1; shift; if [ $name = paramd ]; then paramd "$@"; else '${resolve('node_modules', '.bin')}'/$name "$@"; fi; }
paramd() { '${process.execPath}' '${resolve('bin', 'paramd.js')}' "$@"; }
`;

export function openShell({ cwd = '.', env = process.env }: ShellOptions = {}): Shell {
  const open = new Set<StartedLine>();
  const start = (line: string) => {
    const started = startLine(line, cwd, env);
    open.add(started);
    void started.ended.then(() => open.delete(started));
    return started;
  };
  return {
    start,
    type: async (line, withinMs = LINE_MS_MAX) => {
      const { ended, output, stdout, interrupt } = start(line);
      const late = setTimeout(interrupt, withinMs);
      const how = await ended;
      clearTimeout(late);
      if (how !== 0) throw new Error(`${line}\nended with ${how}:\n${output()}`);
      return stdout();
    },
    close: async () => {
      const left = [...open];
      for (const { kill } of left) kill('SIGKILL');
      await Promise.all(left.map(({ ended }) => ended));
    },
  };
}

function startLine(line: string, cwd: string, env: NodeJS.ProcessEnv): StartedLine {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', PROGRAMS + line], {
    cwd,
    env: { NO_COLOR: '1', ...env },
    detached: true, // a process group, as a terminal makes one
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stdout = '';
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (stream === child.stdout) stdout += chunk;
      wake();
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? ''));
  });
  const found = (text: string | RegExp) => (typeof text === 'string' ? output.includes(text) : text.test(output));
  const kill = (signal: NodeJS.Signals) => void process.kill(-child.pid!, signal);
  return {
    output: () => output,
    stdout: () => stdout,
    shown: async (text) => {
      const late = AbortSignal.timeout(LINE_MS_MAX);
      const gone = Promise.race([
        ended.then((how) => `it ended with ${how}`),
        new Promise<string>((resolve) => late.addEventListener('abort', () => resolve('it did not come'))),
      ]);
      while (!found(text)) {
        const more = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const how = await Promise.race([more, gone]);
        if (how !== undefined && !found(text)) throw new Error(`${line}\n${text}: ${how}:\n${output}`);
      }
    },
    interrupt: () => kill('SIGINT'),
    kill,
    ended,
  };
}
