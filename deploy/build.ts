// `npm run build`: dist/, what the package and the image run.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const MIGRATIONS = 'src/adapters/postgres/migrations';

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync('tsc -p tsconfig.build.json', { stdio: 'inherit', shell: true });
if (status !== 0) process.exit(status ?? 1);
// The compiler rewrites ./x.ts to ./x.js in the code, not in the types. It finds those all the same, other tools do not.
for (const file of globSync('dist/**/*.d.ts')) {
  const types = readFileSync(file, 'utf8');
  writeFileSync(file, types.replace(/((?:from |import\()['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js'));
}
cpSync(MIGRATIONS, `dist/${MIGRATIONS}`, { recursive: true });
