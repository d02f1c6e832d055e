import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

/** All pages that are ours, as paths from the root of the checkout. */
export function pages(): readonly string[] {
  const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name));
  const top = readdirSync('.').filter((name) => name !== 'CLAUDE.md');
  return [...top, ...docs].filter((name) => name.endsWith('.md')).sort();
}

export function page(name: string): string {
  return readFileSync(name, 'utf8');
}

/** What stands between `<!-- name -->` and the closing mark after it. */
export function part(name: string, mark: string): string {
  const [, , text] = marked(mark).exec(page(name)) ?? [];
  if (text === undefined) throw new Error(`${name} has no part <!-- ${mark} -->`);
  return text;
}

/** All parts `<!-- kind name -->` of a page, by name. */
export function parts(name: string, kind: string): ReadonlyMap<string, string> {
  const marks = page(name).matchAll(new RegExp(`<!-- ${kind} (\\S+) -->`, 'g'));
  return new Map([...marks].map(([, path = '']) => [path, part(name, `${kind} ${path}`)]));
}

/** Programs for users, which the pages show and the tests run. The tours belong to test/polyglot. */
export function examples(): readonly string[] {
  const names = readdirSync('examples/typescript').filter((name) => /^(?!tour|scenario).*\.ts$/.test(name));
  return names.map((name) => `examples/typescript/${name}`);
}

/** Holds a part to what the program says. `PARAMD_TEST_WRITE_DOCS=1` writes it instead. */
export function expectPart(name: string, mark: string, current: string): void {
  if (process.env.PARAMD_TEST_WRITE_DOCS === '1') {
    const written = page(name).replace(marked(mark), (_whole, open, _text, close) => `${open}${current}${close}`);
    writeFileSync(name, written);
  }
  const remedy = 'PARAMD_TEST_WRITE_DOCS=1 npx mocha test/docs && npm run format';
  expect(unpadded(part(name, mark)), `${name} is out of date: ${remedy}`).to.equal(unpadded(current));
}

/** Rows of the tables in a text, as their cells. */
export function rows(text: string): readonly (readonly string[])[] {
  const lines = unpadded(text).split('\n');
  return lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | '));
}

/** The first column of every table row, where that is code. */
export function firstColumn(text: string): readonly string[] {
  return rows(text).flatMap(([cell = '']) => /^`(.+)`$/.exec(cell)?.[1] ?? []);
}

/** Without what the formatter puts into tables to align them. */
export function unpadded(text: string): string {
  return text
    .replaceAll(/^\|.*\|$/gm, (row) =>
      row.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').replaceAll('| --- ', '|---'),
    )
    .replaceAll(/\|---\|?$/gm, '|---|');
}

function marked(mark: string): RegExp {
  const closing = mark.split(' ', 1)[0];
  return new RegExp(`(<!-- ${mark} -->\\n)([\\s\\S]*?)(<!-- /${closing} -->)`);
}
