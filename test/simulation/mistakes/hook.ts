// For `node --import`: puts the mistake that PARAMD_MISTAKE names back into the sources as they are loaded. The sources
// themselves know nothing of it.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { filesOf, putBack } from './mistake.ts';
import { mistakeNamed } from './mistakes.ts';

const SRC = new URL('../../../src/', import.meta.url).href;
const mistake = mistakeNamed(process.env.PARAMD_MISTAKE ?? '');
const untouched = new Set(filesOf(mistake));

registerHooks({
  load: (url, context, next) => {
    const file = url.startsWith(SRC) ? url.slice(SRC.length) : '';
    if (!untouched.delete(file)) return next(url, context);
    const source = putBack(mistake, file, readFileSync(fileURLToPath(url), 'utf8'));
    return { format: 'module-typescript', source, shortCircuit: true };
  },
});

process.on('exit', () => {
  if (untouched.size === 0) return;
  console.error(`the mistake "${mistake.name}" was not made: never loaded: ${[...untouched].join(', ')}`);
  process.exitCode = 1;
});
