import { PassThrough, Readable, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

export interface Terminal {
  /** What is typed or piped in; by default nothing. */
  readonly stdin?: string | Buffer;
  /** stdin and stdout are a terminal. */
  readonly tty?: boolean;
  /** stderr is one, where progress is shown. */
  readonly ttyErr?: boolean;
  readonly env?: Record<string, string>;
}

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves as soon as stdout or stderr contains the text. */
  shown(text: string): Promise<void>;
  interrupt(): void;
}

/** The command line in this process. */
export function startParamd(
  argv: readonly string[],
  { stdin = '', tty = false, ttyErr = false, env = {} }: Terminal = {},
): Running {
  const interruption = new AbortController();
  const out = collecting();
  const err = collecting();
  const io: Io = {
    stdin: Object.assign(tty ? typed(stdin) : Readable.from([stdin]), { isTTY: tty }),
    stdout: Object.assign(out.stream, { isTTY: tty }),
    stderr: Object.assign(err.stream, { isTTY: ttyErr }),
    env,
    interrupted: () => interruption.signal,
    passSignals: () => {},
  };
  return {
    ended: run(argv, io).then((code) => ({ code, out: out.text(), err: err.text() })),
    shown: async (text) => {
      while (!out.text().includes(text) && !err.text().includes(text)) {
        await Promise.race([out.more(), err.more()]);
      }
    },
    interrupt: () => interruption.abort(),
  };
}

export function runParamd(argv: readonly string[], terminal?: Terminal): Promise<Ended> {
  return startParamd(argv, terminal).ended;
}

/** Stays open behind the text, as a terminal does. */
function typed(text: string | Buffer): Readable {
  const keyboard = new PassThrough();
  keyboard.write(text);
  return keyboard;
}

function collecting() {
  const chunks: Buffer[] = [];
  let wake = () => {};
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      wake();
      done();
    },
  });
  const text = () => Buffer.concat(chunks).toString();
  const more = () =>
    new Promise<void>((resolve) => {
      const before = wake;
      wake = () => {
        before();
        resolve();
      };
    });
  return { stream, text, more };
}
