import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { runParamd } from '../cli/run-paramd.ts';
import { type Block, block, blocks, commands } from './blocks.ts';
import { NOT_RUN } from './not-run.ts';
import { page, pages } from './pages.ts';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** Behind these marks pages.test.ts, programs.pg.test.ts and test/polyglot say what stands there. */
const MARKS = ['example', 'output', 'tour'];
/** Pages whose blocks a test takes by language, instead of one by one. */
const WHOLE = [{ name: 'docs/command-line.md', languages: ['sh', 'text'], test: 'test/cli/command-line.pg.test.ts' }];

describe('the blocks of the papers', () => {
  const taken = takenByTests();
  const all = pages().flatMap(blocks);

  for (const name of pages()) {
    it(`${name}: each is run, compared, or named with the reason`, () => {
      const left = blocks(name).filter((one) => !isHeld(one));
      expect(left.map(({ line, text }) => `${name}:${line} ${text.split('\n')[0]}`)).to.deep.equal([]);
      const outside = page(name).replaceAll(/^```[\s\S]*?^```$/gm, '');
      expect(outside, 'code that is indented instead of fenced').to.not.match(/\n\n(?: {4,}|\t)\S/);
    });
  }

  it('that are named with a reason are there', () => {
    for (const [name, reasons] of Object.entries(NOT_RUN)) {
      const lines = blocks(name).flatMap(({ text }) => text.split('\n'));
      for (const beginning of Object.keys(reasons)) {
        expect(
          lines.some((line) => line.startsWith(beginning)),
          `${name}: ${beginning}`,
        ).to.equal(true);
      }
    }
  });

  it('that tests take are there', () => {
    for (const { page: name, beginning } of taken) block(name, beginning);
    for (const { name, test } of WHOLE) expect(page(test)).to.contain(`page('${name}')`);
  });

  it('begin with what CI runs', () => {
    const install = commands(block('README.md', 'npm ci && npm start')).flatMap((line) => line.split(' && '));
    const contribute = commands(block('CONTRIBUTING.md', 'npm ci'));
    for (const line of new Set([...install, ...contribute])) {
      if (line === 'npm start') continue; // first-session.valkey.test.ts
      expect(page('.ci/run')).to.match(new RegExp(`^(suite )?${line}( \\|\\| exit 1)?$`, 'm'));
    }
  });

  it('draw files of src that are there', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
    const drawings = [
      block('docs/architecture.md', 'GetParameter  '),
      block('docs/architecture.md', 'SetParameter, DeleteParameter, Commit'),
      block('docs/architecture.md', 'PostgreSQL: head, log'),
      block('docs/architecture.md', 'params.number('),
    ];
    for (const drawing of drawings) {
      const drawn = [...drawing.matchAll(/[\w/.-]+\.(?:ts|sql)\b/g)].map(([path]) => path.replace(/^src\//, ''));
      expect(drawn).to.not.be.empty;
      for (const path of drawn) {
        const found = path.includes('/')
          ? files.some((file) => file.endsWith(path))
          : files.some((file) => basename(file) === path);
        expect(found, path).to.equal(true);
      }
    }
  });

  it('name scripts and files of tests that there are', () => {
    for (const name of pages()) {
      for (const [, script = ''] of page(name).matchAll(/\bnpm run ([\w:-]+)/g)) {
        expect(scripts, `${name}: npm run ${script}`).to.have.property(script);
      }
      for (const [, words = ''] of page(name).matchAll(/\bnpx mocha ([^`&\n]+)/g)) {
        const paths = words.split(' ').filter((word) => word !== '' && !word.startsWith('--'));
        for (const path of paths) expect(existsSync(path), `${name}: npx mocha ${path}`).to.equal(true);
      }
    }
  });

  it('give benchmarks options that they have', async () => {
    for (const [script, ...command] of [['bench', 'compare'], ['bench:near-cache']] as const) {
      const [, words = ''] = /^node (.+)$/.exec(scripts[script]!) ?? [];
      const { stdout } = await promisify(execFile)(process.execPath, [...words.split(' '), ...command, '--help']);
      for (const name of pages()) {
        for (const [line] of page(name).matchAll(new RegExp(`\\bnpm run ${script} -- [^\`\\n]+`, 'g'))) {
          const options = line.match(/--[a-z][\w-]*/g) ?? [];
          for (const option of options) if (option !== '--help') expect(stdout, line).to.contain(`  ${option} `);
        }
      }
    }
  });

  it('give commands of paramd options that they have', async () => {
    let seen = 0;
    for (const name of pages()) {
      for (const [line, command = ''] of page(name).matchAll(/\bparamd ([a-z]+)(?: [^`\n|]*?)? --[^`\n|]*/g)) {
        const { code, out } = await runParamd([command, '--help']);
        expect(code, `${name}: ${line}`).to.equal(0);
        // What is behind a bare -- is another program's.
        const options = line.replace(/ -- .*/, '').match(/(?<= )--[a-z][\w-]*/g) ?? [];
        for (const option of options) expect(out, `${name}: ${line}`).to.match(new RegExp(`(^|[ ,])${option}\\b`, 'm'));
        seen += options.length;
      }
    }
    expect(seen).to.be.greaterThan(20);
  });

  function isHeld({ page: name, language, text, mark }: Block): boolean {
    return (
      (mark !== undefined && MARKS.includes(mark)) ||
      WHOLE.some((one) => one.name === name && one.languages.includes(language)) ||
      taken.some((one) => one.page === name && text.startsWith(one.beginning)) ||
      Object.keys(NOT_RUN[name] ?? {}).some((beginning) => text.startsWith(beginning))
    );
  }

  it('are found, those with marks too', () => {
    expect(all.length).to.equal(
      pages().reduce((sum, name) => sum + (page(name).match(/^ *```/gm)?.length ?? 0) / 2, 0),
    );
    for (const mark of MARKS)
      expect(
        all.some((one) => one.mark === mark),
        mark,
      ).to.equal(true);
  });
});

/** What tests ask for by `block('page', 'beginning')`. */
function takenByTests(): readonly { readonly page: string; readonly beginning: string }[] {
  const names = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((name) => join('test', name));
  return names
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .flatMap((name) => [...page(name).matchAll(/\bblock\(\s*'([^'\n]+\.md)',\s*(['"`])(.+?)\2,?\s*\)/g)])
    .map(([, name = '', , beginning = '']) => ({ page: name, beginning: beginning.replaceAll('\\n', '\n') }));
}
