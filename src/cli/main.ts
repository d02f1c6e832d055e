// The command line: bin/paramd.js imports this file.
import { EXIT } from './failure.ts';
import type { Io } from './io.ts';
import { run } from './run.ts';

/** A reader that has gone (`paramd list | head`) wants no more, and no complaint. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`paramd: the output cannot be written (${error.code})\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
process.stderr.on('error', () => process.exit(1));

// What is deprecated inside a package is nothing that the user of a command could change.
process.noDeprecation = true;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Beside them, for programs that `exec` runs. */
const PASSED_SIGNALS = [...SIGNALS, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** npm, npx and a closing terminal tell what the terminal tells, too: so soon after, it is still the same. */
const SAME_SIGNAL_MS = 1000;

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  interrupted() {
    const controller = new AbortController();
    let toldMs: number | undefined;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        toldMs ??= performance.now();
        if (performance.now() - toldMs > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
        controller.abort(new Error(signal));
      });
    }
    return controller.signal;
  },
  passSignals(receive) {
    for (const signal of PASSED_SIGNALS) process.removeAllListeners(signal).on(signal, () => receive(signal));
  },
};

const exitCode = await run(process.argv.slice(2), io);
// A connection that never came about would hold the process; what was written is let out first.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit(exitCode);
