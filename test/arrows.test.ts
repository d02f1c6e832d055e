import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { expect } from 'chai';

// The rooms of src/ and what each may import (docs/architecture.md). A room that is not named here may not exist.
const ALLOWED: Record<string, readonly string[]> = {
  model: [],
  ports: ['model'],
  core: ['model', 'ports'],
  rpc: ['gen', 'core', 'model', 'ports'],
  'adapters/postgres': ['model', 'ports'],
  'adapters/valkey': ['model', 'ports'],
  'adapters/memory': ['model', 'ports'],
  'adapters/system': ['model', 'ports'],
  jobs: ['core', 'model', 'ports'],
  observability: ['core', 'model', 'ports'],
  config: [],
  embedded: [],
  // Before `client`, which must not know them: they are for those who ask for them.
  'client/testing': ['gen', 'client'],
  'client/testing.ts': ['client'],
  'client/openfeature.ts': ['client'],
  client: ['gen'],
  cli: ['client', 'config', 'embedded', 'main.ts', 'gen', 'bench'],
  bench: ['client', 'config', 'core', 'embedded', 'main.ts', 'gen'],
  'main.ts': ['adapters', 'config', 'core', 'jobs', 'model', 'observability', 'ports', 'rpc'],
};

/** Packages that only some rooms know. */
const DRIVERS: Record<string, readonly string[]> = {
  '@grpc/grpc-js': ['rpc', 'client', 'client/testing', 'cli', 'bench'],
  'grpc-health-check': ['rpc'],
  '@bufbuild/protobuf': ['rpc', 'client', 'cli', 'bench'],
  '@openfeature/server-sdk': ['client/openfeature.ts'],
  pg: ['adapters/postgres', 'bench'],
  'node-pg-migrate': ['adapters/postgres'],
  iovalkey: ['adapters/valkey', 'bench'],
  'pg-boss': ['jobs'],
  'prom-client': ['observability'],
  pino: ['observability'],
  commander: ['cli'],
};

const CORE_NEVER =
  /\bDate\.now\b|\bsetTimeout\b|\bsetInterval\b|\bprocess\.(env|hrtime)\b|\bperformance\.now\b|\bMath\.random\b/;
const SQL = /\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b/;

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(sep).join('/'));

function roomOf(path: string): string {
  if (path.startsWith('../gen/')) return 'gen';
  return Object.keys(ALLOWED).find((room) => path === room || path.startsWith(`${room}/`)) ?? `unknown room of ${path}`;
}

describe('import arrows', () => {
  for (const file of files) {
    it(`hold in src/${file}`, () => {
      const text = readFileSync(join('src', file), 'utf8');
      const room = roomOf(file);
      const allowed = ALLOWED[room];
      expect(allowed, `src/${file} is in no room of docs/architecture.md`).to.not.equal(undefined);
      for (const [, target = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
        if (target.startsWith('.')) {
          const path = relative('src', join('src', dirname(file), target))
            .split(sep)
            .join('/');
          const to = roomOf(path);
          const may = to === room || (allowed ?? []).some((name) => to === name || to.startsWith(`${name}/`));
          if (!path.startsWith('../package.json')) expect(may, `src/${file} imports ${path}`).to.equal(true);
        } else {
          const driver = Object.keys(DRIVERS).find((name) => target === name || target.startsWith(`${name}/`));
          if (driver !== undefined) expect(DRIVERS[driver], `src/${file} imports ${target}`).to.include(room);
        }
      }
      if (room === 'core') expect(text).to.not.match(CORE_NEVER);
      if (!['adapters/postgres', 'bench'].includes(room)) expect(text).to.not.match(SQL);
      expect(text, 'default export').to.not.match(/^export default/m);
      if (file !== 'client/index.ts') expect(file, 'name').to.not.match(/(^|\/)(utils?|helpers?|index)(\/|\.ts$)/);
    });
  }
});
