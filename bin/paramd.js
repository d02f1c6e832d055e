#!/usr/bin/env node
// Runs the command line on a Node that can: this one, or the one that npm put beside it (Node 20 is still about).
// In a checkout the TypeScript runs as it is; an installed package has dist/.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installed = root.split(/[\\/]/).includes('node_modules');
const source = join(root, 'src', 'cli', 'main.ts');
const entry = !installed && existsSync(source) ? source : join(root, 'dist', 'src', 'cli', 'main.js');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import(new URL(`file://${entry}`).href);
} else {
  const node = nearestNode(root);
  if (node === undefined) {
    process.stderr.write(
      `paramd needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer Node, or run npm ci again with optional dependencies.\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; a second SIGINT would tell it to stop at once.
  const terminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('SIGINT', () => terminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
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
