import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { reachableCopy } from '../../src/embedded/reachable-copy.ts';
import { canReach } from '../../src/embedded/run-user.ts';
import { newFolder } from '../support/servers.ts';

const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 };

describe('a copy of programs below a folder that their user cannot enter', () => {
  let parent: string;
  let source: string;
  const log: string[] = [];

  before(function () {
    if (process.getuid?.() !== 0) this.skip();
  });

  beforeEach(() => {
    parent = newFolder('copy');
    chmodSync(parent, 0o755);
    source = join(parent, 'home', 'native');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'program'), 'text', { mode: 0o755 });
    symlinkSync('program', join(source, 'other-name'));
    chmodSync(join(parent, 'home'), 0o700);
    log.length = 0;
  });

  afterEach(() => {
    if (parent !== undefined) rmSync(parent, { recursive: true, force: true });
  });

  const copy = (...caches: string[]) => reachableCopy(source, 'programs-1.2', nobody, (line) => log.push(line), caches);

  it('is made once, whole, however many want it at once', async () => {
    expect(canReach(nobody, join(source, 'program'))).to.equal(false);
    const cache = join(parent, 'cache');
    const folders = await Promise.all([copy(cache), copy(cache), copy(cache)]);
    expect(new Set(folders)).to.deep.equal(new Set([join(cache, 'programs-1.2')]));
    expect(readdirSync(cache)).to.deep.equal(['programs-1.2']);
    expect(readFileSync(join(cache, 'programs-1.2', 'other-name'), 'utf8')).to.equal('text');
    log.length = 0;
    await copy(cache);
    expect(log).to.deep.equal([]);
  });

  it('is not trusted where others could have put it', async () => {
    const shared = join(parent, 'shared');
    mkdirSync(join(shared, 'programs-1.2'), { recursive: true });
    chmodSync(shared, 0o777);
    expect(await copy(shared, join(parent, 'cache'))).to.equal(join(parent, 'cache', 'programs-1.2'));
  });

  it('cannot be had: says why and what to do', async () => {
    const hidden = join(parent, 'home', 'cache');
    const message = await copy(hidden).catch((error: Error) => error.message);
    expect(message).to.match(/user nobody, .*cannot enter .*native .*run as an ordinary user, or set DATABASE_URL$/);
    expect(existsSync(join(source, 'program'))).to.equal(true);
  });
});
