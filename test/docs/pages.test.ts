import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { expect } from 'chai';
import { settingsTable } from '../../src/config/describe.ts';
import { CLIENT_VARIABLES } from '../../src/config/load-config.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { examples, expectPart, firstColumn, page, pages, part, parts, rows } from './pages.ts';

describe('the papers', () => {
  for (const name of pages()) {
    it(`${name} links to what is there`, () => {
      for (const [, target = ''] of page(name).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? name : join(dirname(name), path);
        expect(existsSync(file), `${name} links to ${target}`).to.equal(true);
        if (anchor !== undefined) expect(anchors(page(file)), `${name} links to ${target}`).to.include(anchor);
      }
    });

    it(`${name} names files that are there`, () => {
      for (const [, path = ''] of page(name).matchAll(/`((?:src|test|docs|proto|deploy|bin|gen)\/[\w./-]*\w)`/g)) {
        expect(existsSync(path), `${name} names ${path}`).to.equal(true);
      }
    });

    it(`${name} names settings that there are`, () => {
      const known = [...Object.values(SETTINGS).map(({ variable }) => variable), ...CLIENT_VARIABLES];
      for (const [variable] of page(name).matchAll(/PARAMD_[A-Z_]*[A-Z]/g)) {
        if (!variable.startsWith('PARAMD_TEST')) expect(known, `in ${name}`).to.include(variable);
      }
    });
  }

  it('README has the table of settings as it is', () => {
    expectPart('README.md', 'settings', `${settingsTable('markdown')}\n`);
  });

  for (const name of pages()) {
    for (const example of parts(name, 'example').keys()) {
      it(`${name} has ${example} as it is`, () => {
        expectPart(
          name,
          `example ${example}`,
          `\`\`\`${extname(example).slice(1)}\n${readFileSync(example, 'utf8')}\`\`\`\n`,
        );
      });
    }
  }

  it('some page shows each example', () => {
    const shown = pages().flatMap((name) => [...parts(name, 'example').keys()]);
    expect(examples().filter((example) => !shown.includes(example))).to.deep.equal([]);
  });

  it('README names for C1 to C15 a test that names it', () => {
    const contract = rows(part('README.md', 'contract')).slice(1);
    expect(contract.map(([promise]) => promise)).to.deep.equal(Array.from({ length: 15 }, (_, i) => `C${i + 1}`));
    for (const [promise = '', _text, files = '', tests = ''] of contract) {
      expect(paths(files), promise).to.not.be.empty;
      for (const test of paths(tests)) expect(page(test), test).to.match(new RegExp(`\\b${promise}\\b`));
    }
  });

  it('operations.md has every limit that a client can meet', () => {
    const limits = sources().flatMap((file) =>
      [...page(file).matchAll(/(?:\blimit(?:: | = )|\b(?:exceeded|tooManyWatches)\((?:[\w.]+, )?)'([a-z_]{5,})'/g)].map(
        ([, limit = '']) => limit,
      ),
    );
    const text = part('docs/operations.md', 'limits');
    for (const limit of new Set(limits)) expect(text, limit).to.contain(`\`${limit}\``);
  });

  it('operations.md has every reason of error_reason.proto', () => {
    const proto = page('proto/parameter/v1/error_reason.proto');
    const reasons = [...proto.matchAll(/ERROR_REASON_([A-Z_]+) = [1-9]/g)].map(([, reason = '']) => reason);
    expect(firstColumn(part('docs/operations.md', 'reasons')).toSorted()).to.deep.equal(reasons.toSorted());
  });
});

function sources(): readonly string[] {
  const names = readdirSync('src', { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join('src', name));
}

function paths(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
}

/** As GitHub makes them of headings. */
function anchors(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
