import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** A terminal of the reader. */
export interface Shell {
  /** @returns what it wrote to standard output @throws Error with all that it wrote, if it fails */
  type(line: string): Promise<string>;
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

export interface ShellOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const LINE_MS_MAX = 20_000;
/** Programs of this checkout, without what npx costs; `paramd` alone is for those who have installed it. */
const PROGRAMS = `
npx() { local name=$1; shift; if [ $name = paramd ]; then paramd "$@"; else '${resolve('node_modules', '.bin')}'/$name "$@"; fi; }
paramd() { '${process.execPath}' '${resolve('bin', 'paramd.js')}' "$@"; }
`;

export function openShell({ cwd = '.', env = process.env }: ShellOptions = {}): Shell {
  const open = new Set<ChildProcess>();

  function start(line: string) {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', PROGRAMS + line], {
      cwd,
      env: { NO_COLOR: '1', ...env },
      detached: true, // a process group, as a terminal makes one
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    open.add(child);
    let output = '';
    let stdout = '';
    const more = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        if (stream === child.stdout) stdout += chunk;
        for (const wake of more) wake();
      });
    }
    const ended = new Promise<number | string>((resolve) => {
      child.once('close', (code, signal) => {
        open.delete(child);
        resolve(code ?? signal ?? '');
      });
    });
    const found = (text: string | RegExp) => (typeof text === 'string' ? output.includes(text) : text.test(output));
    return {
      output: () => output,
      stdout: () => stdout,
      shown: async (text: string | RegExp) => {
        const timeout = AbortSignal.timeout(LINE_MS_MAX);
        while (!found(text)) {
          const went = await Promise.race([
            new Promise<void>((wake) => more.add(wake)),
            ended.then((how) => `it ended with ${how}`),
            new Promise<string>((late) => timeout.addEventListener('abort', () => late('it did not come'))),
          ]);
          more.clear();
          if (went !== undefined && !found(text)) throw new Error(`${line}\n${text}: ${went}:\n${output}`);
        }
      },
      interrupt: () => void process.kill(-child.pid!, 'SIGINT'),
      ended,
    };
  }

  return {
    start,
    type: async (line) => {
      const { ended, output, stdout, interrupt } = start(line);
      const late = setTimeout(interrupt, LINE_MS_MAX);
      const how = await ended;
      clearTimeout(late);
      if (how !== 0) throw new Error(`${line}\nended with ${how}:\n${output()}`);
      return stdout();
    },
    close: async () => {
      const closing = [...open].map((child) => new Promise((closed) => child.once('close', closed)));
      for (const child of open) process.kill(-child.pid!, 'SIGKILL');
      await Promise.all(closing);
    },
  };
}
