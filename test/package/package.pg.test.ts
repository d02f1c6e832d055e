import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { build } from 'esbuild';
import { findPostmaster } from '../../src/embedded/postmaster.ts';
import { goneWithin, processesIn, signalTree } from '../../src/embedded/process.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { block } from '../docs/blocks.ts';
import { page } from '../docs/pages.ts';
import { openShell } from '../docs/shell.ts';
import { valkeyUrl } from '../support/servers.ts';
import { type InstalledPackage, installPackage, userEnvironment } from './installed-package.ts';
import { COMMON_JS, FLAGS, MODULE, SESSION_SHOWN, TYPED, UNIT_TEST } from './user-programs.ts';

const { exports, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const PACKED =
  /^(bin\/paramd\.js|dist\/.+\.(js|d\.ts|sql)|gen\/image\.binpb|proto\/.+\.proto|[A-Z]+\.md|LICENSE|package\.json)$/;
const OPENFEATURE = '@openfeature/server-sdk';
const RESOLUTIONS = ['nodenext', 'bundler'];
const TSC = resolve('node_modules', '.bin', 'tsc');
/** Of an installation without optional packages; with them it is 300 MB. */
const CLIENT_BYTES_MAX = 64 << 20;
const BUNDLE_BYTES_MAX = 700_000;
const STOP_MS_MAX = 15_000;

describe('the package, installed in an empty folder', function () {
  this.timeout(180_000);
  let user: InstalledPackage;
  let server: RealServer;

  before(async () => {
    [user, server] = await Promise.all([installPackage(), startRealServer()]);
  });
  after(async () => {
    await server?.close();
    user?.remove();
  });

  it('holds what it needs and nothing else', () => {
    expect(user.files.filter((file) => !PACKED.test(file))).to.deep.equal([]);
    expect(user.files).to.include.members([
      'bin/paramd.js',
      'dist/src/cli/main.js',
      'dist/src/adapters/postgres/migrations/0001_tables.sql',
      'dist/gen/parameter/v1/parameter.d.ts',
      'gen/image.binpb',
      'proto/parameter/v1/parameter_service.proto',
    ]);
    expect(user.files.filter((file) => /(^|\/)test\/|\.test\.|coverage|\.env/.test(file))).to.deep.equal([]);
  });

  it('has what its exports name, and types that name no source', () => {
    const targets = Object.values<string | Record<string, string>>(exports).flatMap((one) =>
      typeof one === 'string' ? [one] : Object.values(one),
    );
    for (const target of targets.filter((one) => !one.includes('*'))) expect(user.files).to.include(target.slice(2));
    for (const file of user.files.filter((one) => one.endsWith('.d.ts'))) {
      const types = readFileSync(join(user.folder, 'node_modules', 'paramd', file), 'utf8');
      expect(types, file).to.not.match(/['"]\.[^'"]*\.ts['"]/);
    }
  });

  it('gives a client to plain Node, by import and by require', async () => {
    user.write('session.mjs', MODULE);
    user.write('session.cjs', COMMON_JS);
    for (const program of ['session.mjs', 'session.cjs']) {
      expect(await user.run('node', program, server.target, `app:${program}`), program).to.equal(SESSION_SHOWN);
    }
    expect(user.size()).to.be.lessThan(CLIENT_BYTES_MAX);
  });

  it('follows a parameter in the program of the README', async () => {
    user.write('app.ts', readFileSync('examples/typescript/live-parameter.ts', 'utf8'));
    const env = { ...userEnvironment(), PARAMD_TARGET: server.target };
    const [shell, paramd] = [openShell({ cwd: user.folder, env }), openShell({ env })];
    const shown = block('README.md', 'max_users is ');
    const [first = '', change = ''] = shown.match(/\d+/g) ?? [];
    const [set = ''] = /(?<=in\s+another terminal `)[^`]+/.exec(page('README.md')) ?? [];
    expect(set).to.equal(`npx paramd set app:config:max_users ${change}`);
    try {
      await paramd.type(`npx paramd set app:config:max_users ${first}`);
      const app = shell.start('node app.ts');
      await app.shown(`${first}\n`);
      await paramd.type(set);
      await app.shown(`${change}\n`);
      expect(app.output()).to.equal(shown);
    } finally {
      await shell.close();
    }
  });

  it('gives its protos by their names', async () => {
    const find = "console.log(import.meta.resolve('paramd/proto/parameter/v1/parameter_service.proto'))";
    const url = await user.run('node', '--input-type=module', '--eval', find);
    expect(readFileSync(new URL(url.trim()), 'utf8')).to.include('service ParameterService');
  });

  it('gives a client in memory to unit tests', async () => {
    user.write('unit-test.mjs', UNIT_TEST);
    expect(await user.run('node', 'unit-test.mjs')).to.equal('7\n');
  });

  for (const resolution of RESOLUTIONS) {
    it(`has types that hold, by moduleResolution ${resolution}`, () =>
      checkTypes(user, resolution, { 'typed.mts': TYPED, 'unit-test.mts': UNIT_TEST }));
  }

  for (const [format, banner] of [
    ['cjs', ''],
    // @grpc/grpc-js is CommonJS and requires Node's own modules.
    ['esm', "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"],
  ] as const) {
    it(`can be bundled to one ${format} file, without what only a server needs`, async () => {
      user.write('entry.mjs', format === 'esm' ? MODULE : MODULE.replace(/;\n\n(.*)$/s, ';\n(async () => {$1})();'));
      // Where no package can be found.
      const outfile = join(user.folder, '..', 'bundled', `session.${format === 'esm' ? 'mjs' : 'cjs'}`);
      const { metafile, warnings } = await build({
        absWorkingDir: user.folder,
        entryPoints: ['entry.mjs'],
        outfile,
        bundle: true,
        minify: true,
        metafile: true,
        platform: 'node',
        format,
        banner: { js: banner },
      });
      expect(warnings).to.deep.equal([]);
      const packages = Object.keys(metafile.inputs).map(
        (path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1],
      );
      expect(new Set(packages)).to.not.have.any.keys(
        'pg',
        'iovalkey',
        'pg-boss',
        'node-pg-migrate',
        'prom-client',
        'pino',
      );
      expect(Object.values(metafile.outputs)[0]?.bytes).to.be.lessThan(BUNDLE_BYTES_MAX);
      expect(await user.run('node', outfile, server.target, `app:${format}`)).to.equal(SESSION_SHOWN);
    });
  }

  it('gives flags to OpenFeature, whose SDK is only there for those who install it', async () => {
    expect(existsSync(join(user.folder, 'node_modules', '@openfeature'))).to.equal(false);
    await user.install(`${OPENFEATURE}@${devDependencies[OPENFEATURE]}`);
    user.write('flags.mjs', FLAGS);
    expect(await user.run('node', 'flags.mjs')).to.equal('7\n');
    for (const resolution of RESOLUTIONS) await checkTypes(user, resolution, { 'flags.mts': FLAGS });
  });

  it('runs everything by npx paramd dev, and ends with all of it at Ctrl-C', async () => {
    await user.installOptional();
    const dev = startDev(user.folder);
    const data = join(user.folder, '.paramd', 'postgres', 'data');
    try {
      const target = await dev.target;
      const paramd = (...words: string[]) => user.run('npx', 'paramd', ...words, '--target', target);
      expect(await paramd('set', 'app:limit', '7')).to.include('at revision 1');
      expect(await paramd('get', 'app:limit')).to.equal('7\n');
      expect(await paramd('get', 'app:limit', '-o', 'json')).to.include('"intValue":"7"');
      expect(await user.run('node', 'session.mjs', target, 'app:npx')).to.equal(SESSION_SHOWN);
      const postmaster = findPostmaster(data)!;
      // As the terminal does: to all of its group.
      process.kill(-dev.pid, 'SIGINT');
      await dev.ended; // npx itself dies of the signal
      expect(await goneWithin([postmaster, ...processesIn(user.folder)], STOP_MS_MAX)).to.equal(true);
      expect(existsSync(join(data, 'postmaster.pid')), 'an orderly end removes it').to.equal(false);
    } finally {
      for (const left of [findPostmaster(data), ...processesIn(user.folder)]) {
        if (left !== undefined) signalTree(left, 'SIGKILL');
      }
    }
  });
});

async function checkTypes(user: InstalledPackage, moduleResolution: string, files: Readonly<Record<string, string>>) {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: moduleResolution === 'bundler' ? 'esnext' : moduleResolution,
    moduleResolution,
  };
  for (const [name, text] of Object.entries(files)) user.write(name, text);
  user.write('tsconfig.json', JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  const output = await user.run(TSC, '--project', '.').catch((error: Error) => {
    if (!error.message.includes('error TS')) throw error;
    return error.message;
  });
  // Types of other packages may be at odds with each other.
  const errors = output
    .split('\n')
    .filter((line) => /error TS/.test(line) && !/node_modules\/(?!paramd\/)\S+\(/.test(line));
  expect(errors).to.deep.equal([]);
}

function startDev(folder: string) {
  const child: ChildProcess = spawn('npx', ['paramd', 'dev'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...userEnvironment(),
      VALKEY_URL: valkeyUrl() ?? '',
      PARAMD_LISTEN: '127.0.0.1:0',
      PARAMD_HTTP_LISTEN: '127.0.0.1:0',
    },
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const target = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
        if (output.includes('Ctrl-C stops')) resolve(/gRPC on (\S+),/.exec(output)?.[1] ?? '');
      });
    }
    ended.then(() => reject(new Error(`paramd dev ended: ${output}`)));
  });
  return { pid: child.pid!, target, ended };
}
