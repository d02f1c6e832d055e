#!/usr/bin/env node
// Runs the command line on a Node that can: this one, or the one that npm put beside it (Node 20 is still about).
// In a checkout the TypeScript runs as it is; an installed package has dist/.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installed = root.split(/[\\/]/).includes('node_modules');
const source = join(root, 'src', 'cli', 'main.ts');
const entry = !installed && existsSync(source) ? source : join(root, 'dist', 'src', 'cli', 'main.js');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import(pathToFileURL(entry).href);
} else {
  const node = nearestNode(root);
  if (node === undefined) {
    process.stderr.write(
      `paramd needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer Node, or run npm ci again with optional dependencies.\n`,
    );
    process.exit(1);
  }
  runOn(node);
}

/** In a child, which has our terminal and gets our signals; its end is ours. */
function runOn(node) {
  // A launcher that was killed passes nothing on. Then the channel breaks, and the child ends in order.
  const orphaned = "process.once('disconnect', () => process.kill(process.pid, 'SIGTERM')).channel.unref()";
  const child = spawn(
    node,
    ['--import', `data:text/javascript,${encodeURIComponent(orphaned)}`, entry, ...process.argv.slice(2)],
    { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] },
  );
  // What is typed at a terminal reaches the child by itself; a second SIGINT would tell it to stop at once.
  const terminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => terminal || child.kill(signal));
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  child.on('error', ({ message }) => {
    process.stderr.write(`paramd: ${node} cannot be run (${message}); install Node 22.18 or newer\n`);
    process.exit(1);
  });
}

/** The Node that optionalDependencies brought, of this platform, in this or an enclosing node_modules. */
function nearestNode(folder) {
  const platform = { linux: 'linux', win32: 'win', darwin: 'darwin' }[process.platform];
  const name = `node-${platform}-${process.arch}`;
  const program = process.platform === 'win32' ? join('bin', 'node.exe') : join('bin', 'node');
  for (let at = folder; ; at = dirname(at)) {
    for (const modules of [join(at, 'node_modules'), at]) {
      const candidate = join(modules, name, program);
      if (existsSync(candidate)) return candidate;
    }
    if (dirname(at) === at) return undefined;
  }
}
