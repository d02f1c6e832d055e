import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { connect, type NativeValue, type ParamdClient } from '../../src/client/index.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { type Ended, runParamd, startParamd, type Terminal } from './run-paramd.ts';

const run = promisify(execFile);

describe('paramd export and import', function () {
  this.timeout(60_000);
  let server: RealServer;
  let client: ParamdClient;
  let folder: string;
  beforeEach(async () => {
    server = await startRealServer();
    client = connect({ target: server.target });
    folder = await mkdtemp(join(tmpdir(), 'paramd-cli-'));
  });
  afterEach(async () => {
    client.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  function paramd(argv: readonly string[], terminal: Terminal = {}, target = server.target): Promise<Ended> {
    return runParamd(argv, { ...terminal, env: { PARAMD_TARGET: target, ...terminal.env } });
  }

  async function fileOf(...lines: readonly (object | string)[]): Promise<string> {
    const path = join(folder, 'parameters.jsonl');
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    await writeFile(path, texts.join('\n'));
    return path;
  }

  async function revision(): Promise<bigint> {
    return (await client.getMany([], { linearizable: true })).freshness?.revision ?? -1n;
  }

  describe('export', () => {
    it('writes a Parameter a line, in the order of keys, and says as of when', async () => {
      await client.set('b', 1n, { labels: new Map([['team', 'x']]) });
      await client.set('a', 'text');
      const { code, out, err } = await paramd(['export']);
      expect({ code, err }).to.deep.equal({ code: 0, err: 'paramd: 2 parameters as of revision 2\n' });
      const [a, b, ...rest] = out.split('\n');
      expect(rest).to.deep.equal(['']);
      expect(JSON.parse(a!)).to.include({ key: 'a', revision: '2', cacheTtl: '3600s' });
      expect(JSON.parse(b!)).to.deep.include({ key: 'b', labels: { team: 'x' }, value: { intValue: '1' } });
      expect((await paramd(['export', 'none:'])).err).to.equal('paramd: 0 parameters under none: as of revision 2\n');
    });

    it('writes pages as of one revision while others write', async () => {
      const keys = Array.from({ length: 2100 }, (_, i) => `k${String(i).padStart(4, '0')}`);
      for (let at = 0; at < keys.length; at += 300) {
        await client.commit(keys.slice(at, at + 300).map((key) => ({ set: key, value: 1n })));
      }
      const exported = startParamd(['export'], { env: { PARAMD_TARGET: server.target } });
      await exported.shown('"k0000"');
      await client.delete('k2099');
      await client.set('k2000', 2n);
      const lines = (await exported.ended).out.trim().split('\n');
      expect(lines).to.have.length(2100);
      expect(JSON.parse(lines[2000]!).value).to.deep.equal({ intValue: '1' });
    });

    it('writes a file as a whole, for its owner alone, or leaves what was there', async () => {
      const path = join(folder, 'out.jsonl');
      await client.set('a', 1n);
      expect((await paramd(['export', '--file', path])).out).to.equal('');
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      const before = await readFile(path, 'utf8');
      expect(JSON.parse(before).key).to.equal('a');
      const refused = await paramd(['export', '--file', path, '--at-least-revision', '99', '--timeout', '1s']);
      expect(refused.code).to.not.equal(0);
      expect(await readFile(path, 'utf8')).to.equal(before);
      expect(await readdir(folder)).to.deep.equal(['out.jsonl']);
      expect(await paramd(['export', '--file', '/dev/null'])).to.include({
        code: 2,
        err: 'paramd: /dev/null is no file; redirect the output: > /dev/null\n',
      });
      expect((await paramd(['export', '--file', join(folder, 'no', 'way')])).err).to.include('(ENOENT)');
    });

    it('shows nothing that a terminal would obey', async () => {
      await client.set('a', '\u001b[2J\u009b2J\u202e');
      const { out } = await paramd(['export'], { tty: true });
      for (const character of '\u001b\u009b\u202e') expect(out).to.not.include(character);
      expect(JSON.parse(out).value.stringValue).to.equal('\u001b[2J\u009b2J\u202e');
    });

    describe('as .env', () => {
      const env = async (path: string) => {
        const script = 'set -a; . "$1"; exec env -0';
        const { stdout } = await run('/bin/sh', ['-c', script, 'sh', path], { env: {}, encoding: 'utf8' });
        const pairs = stdout.split('\0').map((pair): [string, string] => {
          const at = pair.indexOf('=');
          return [pair.slice(0, at), pair.slice(at + 1)];
        });
        return Object.fromEntries(
          pairs.filter(([name]) => name !== '' && !['PWD', '_', 'OLDPWD', 'SHLVL'].includes(name)),
        );
      };

      it('is read the same by a shell and by a parser of .env files', async () => {
        const path = join(folder, '.env');
        const text = fc.string({
          unit: fc.constantFrom("'", '"', '$', '`', '\\', 'n', '\n', '#', ' ', '=', 'é', '!', '~', '{', ';'),
        });
        const value = fc.oneof(
          text.map((string): NativeValue => (/["$`\\]/.test(string) ? string.replaceAll("'", '') : string)),
          text.map((string): NativeValue => ({ json: JSON.stringify({ a: string }) })),
          fc.array(text),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 6 }), async (values) => {
            const prefix = `p${Math.random()}:`;
            await client.commit(values.map((native, i) => ({ set: `${prefix}v-${i}`, value: native })));
            const { code, err } = await paramd(['export', prefix, '--format', 'env', '--file', path]);
            expect(code, err).to.equal(0);
            const read = await env(path);
            expect({ ...parseEnv(await readFile(path, 'utf8')) }).to.deep.equal(read);
            values.forEach((native, i) => {
              const shown = read[`V_${i}`];
              if (typeof native === 'string') expect(shown).to.equal(native);
              else if (Array.isArray(native)) expect(JSON.parse(shown!)).to.deep.equal(native);
              else expect(JSON.parse(shown!)).to.deep.equal(JSON.parse((native as { json: string }).json));
            });
          }),
          { numRuns: 40 },
        );
      });

      it('is an error where they would differ', async () => {
        await client.set('a:quote', `it's "$5"`);
        expect(await paramd(['export', 'a:', '--format', 'env'])).to.include({
          code: 1,
          out: '',
          err: 'paramd: a:quote has a \' beside one of " $ ` \\, which shells and .env parsers read differently; `paramd exec` hands over every value\n',
        });
        await client.set('a:quote', 'a\rb');
        expect((await paramd(['export', 'a:', '--format', 'env'])).err).to.include('a:quote has a carriage return');
      });

      it('names the keys that would have one name, and what decides which programs run', async () => {
        await client.set('a:x-y', 1n);
        await client.set('a:x.y', 1n);
        expect((await paramd(['export', 'a:', '--format', 'env'])).err).to.equal(
          'paramd: a:x-y and a:x.y would both be X_Y; choose a prefix that has one of them\n',
        );
        await client.set('b:ld_preload', 'evil.so');
        expect((await paramd(['export', 'b:', '--format', 'env'])).err).to.include('b:ld_preload would be LD_PRELOAD');
        expect((await paramd(['export', 'b:', '--format', 'env', '--name-prefix', 'APP_'])).out).to.equal(
          "APP_LD_PRELOAD='evil.so'\n",
        );
        expect((await paramd(['export', 'b:', '--format', 'env', '--name-prefix', 'A-'])).code).to.equal(2);
        expect((await paramd(['export', 'b:', '--name-prefix', 'A_'])).code).to.equal(2);
        expect((await paramd(['export', 'b:ld_preload', '--format', 'env'])).err).to.include(
          'nothing behind the prefix',
        );
      });
    });
  });

  describe('import', () => {
    it('takes back what export wrote, whatever it is', async () => {
      const text = fc.string({ unit: 'binary', maxLength: 20 });
      const key = fc
        .oneof(fc.string({ minLength: 1, maxLength: 10 }), fc.constantFrom('ключ', '🦊:é', 'ÿ', '__proto__', 'a b"\\'))
        .map((raw) => raw.normalize('NFC').replaceAll(/[\p{Cc}\ufffd]/gu, '_'));
      const value: fc.Arbitrary<NativeValue> = fc.oneof(
        text,
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(-0, 1e308, 5e-324),
        fc.boolean(),
        fc.uint8Array({ maxLength: 20 }),
        fc.constant(new Uint8Array()),
        fc.json().map((json) => ({ json })),
        fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }).map((durationNs) => ({ durationNs })),
        fc.array(text, { maxLength: 4 }),
      );
      const labelText = fc.string({ maxLength: 8 }).map((raw) => raw.replaceAll(/\p{Cc}/gu, '_'));
      const labels = fc
        .array(fc.tuple(fc.constantFrom('__proto__', 'constructor', 'team', 'é', '*'), labelText), { maxLength: 3 })
        .map((pairs) => new Map(pairs));
      const parameter = fc.record({ key, value, labels, ttl: fc.integer({ min: 1000, max: 2_592_000_000 }) });
      const other = await startRealServer();
      const target = connect({ target: other.target });
      try {
        await fc.assert(
          fc.asyncProperty(fc.uniqueArray(parameter, { selector: ({ key }) => key, maxLength: 12 }), async (all) => {
            await paramd(['rm', '--prefix', '', '--yes']);
            if (all.length > 0) {
              const settings = ({ labels, ttl }: (typeof all)[0]) => ({
                labels,
                cacheTtlMs: ttl,
                allowKindChange: true,
              });
              await client.commit(all.map((one) => ({ set: one.key, value: one.value, ...settings(one) })));
            }
            const { out } = await paramd(['export']);
            const argv = ['import', '-', '--prune', '', '--yes', '--allow-kind-change'];
            const imported = await paramd(argv, { stdin: out }, other.target);
            expect(imported.code, imported.err).to.equal(0);
            expect((await paramd(argv, { stdin: out }, other.target)).out).to.equal(
              `0 created, 0 changed, 0 deleted, ${all.length} unchanged\n`,
            );
            const kept = (exported: string) => exported.trim().split('\n').map(withoutTheServers);
            expect(kept((await paramd(['export'], {}, other.target)).out)).to.deep.equal(kept(out));
          }),
          { numRuns: 40 },
        );
      } finally {
        target.close();
        await other.close();
      }
    });

    it('keeps the sign of zero, which JSON.stringify would lose', async () => {
      await client.set('zero', -0);
      const { out } = await paramd(['export']);
      expect(out).to.include('"doubleValue":-0}');
      await client.set('zero', 0);
      expect((await paramd(['import', '-'], { stdin: out })).out).to.include('1 changed');
      expect((await paramd(['get', 'zero'])).out).to.equal('-0\n');
    });

    it('writes only what differs, with exactly the labels of the file', async () => {
      await client.set('same', 1n);
      await client.set('value', 1n, { labels: new Map([['a', 'b']]) });
      await client.set('labels', 1n, { labels: new Map([['old', 'x']]) });
      await client.set('ttl', 1n, { cacheTtlMs: 5000 });
      const path = await fileOf(
        { key: 'same', value: { intValue: '1' } },
        { key: 'value', value: { intValue: '2' }, labels: { a: 'b' } },
        { key: 'labels', value: { intValue: '1' }, labels: { new: 'y' } },
        { key: 'ttl', value: { intValue: '1' }, cacheTtl: '6.000000001s' },
        { key: 'fresh', value: { intValue: '1' }, revision: '99', updatedBy: 'somebody' },
      );
      const shown = await paramd(['import', path, '--dry-run']);
      expect(shown.out.split('\n')).to.deep.equal([
        '~ value: 1 → 2',
        '~ labels: labels -old +new=y',
        '~ ttl: ttl 5s → 6.000000001s',
        '+ fresh = 1',
        '',
      ]);
      expect(shown.err).to.include('1 created, 3 changed, 0 deleted, 1 unchanged; that is what an import would do');
      expect(await revision()).to.equal(4n);
      expect((await paramd(['import', path])).out).to.equal(
        '1 created, 3 changed, 0 deleted, 1 unchanged at revision 5\n',
      );
      const { parameters } = await client.getMany(['same', 'value', 'labels', 'ttl', 'fresh']);
      expect(parameters.map(({ version }) => version)).to.deep.equal([1n, 2n, 2n, 2n, 1n]);
      expect([...parameters[2]!.labels]).to.deep.equal([['new', 'y']]);
      expect(parameters[3]!.cacheTtl).to.include({ seconds: 6n, nanos: 1 });
      const again = await paramd(['import', path, '-o', 'json']);
      expect(JSON.parse(again.out)).to.deep.equal({ created: 0, changed: 0, unchanged: 5, deleted: 0, revision: '0' });
      expect(await revision()).to.equal(5n);
    });

    it('shows the differences as events', async () => {
      await client.set('a', 1n);
      await client.set('p:gone', 1n);
      const path = await fileOf({ key: 'a', value: { intValue: '2' } });
      const { out } = await paramd(['import', path, '--dry-run', '-o', 'json', '--prune', 'p:']);
      const [put, remove] = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(put).to.deep.include({ type: 'TYPE_PUT' });
      expect(put.parameter.value).to.deep.equal({ intValue: '2' });
      expect(put.previous).to.include({ key: 'a', revision: '1' });
      expect(remove).to.deep.equal({ type: 'TYPE_DELETE', parameter: { key: 'p:gone' } });
      expect(await revision()).to.equal(2n);
    });

    it('changes nothing if a line is bad, and names it', async () => {
      const good = { key: 'good', value: { intValue: '1' } };
      const bad: [object | string, string][] = [
        ['{"key":', 'line 3: '],
        ['[]', 'line 3: Parameter: '],
        [{ key: 'k', valeu: 1 }, 'line 3: Parameter: key "valeu" is unknown'],
        [{ key: 'k', value: { intValue: '1', x: 1 } }, 'line 3: Value: key "x" is unknown'],
        [{ value: { intValue: '1' } }, 'line 3: has no key'],
        [{ key: 'k' }, 'line 3 (k): has no value'],
        [{ key: 'k', value: {} }, 'line 3 (k): the value has no kind'],
        [{ key: 'e\u0301', value: { intValue: '1' } }, 'NFC'],
        [{ key: 'a\tb', value: { intValue: '1' } }, 'line 3 (a\\tb): the key has a control character'],
        [{ key: 'k'.repeat(513), value: { intValue: '1' } }, 'longer than 512 bytes'],
        [{ key: 'k', value: { doubleValue: 'NaN' } }, 'not finite'],
        [{ key: 'k', value: { intValue: '9223372036854775808' } }, 'line 3: Value.int_value: '],
        [{ key: 'k', value: { jsonValue: '{' } }, 'no JSON'],
        [{ key: 'k', value: { stringValue: 'x'.repeat((1 << 20) + 9) } }, 'larger than 1 MiB'],
        [{ key: 'k', value: { intValue: '1' }, cacheTtl: '0.5s' }, 'cacheTtl is not within'],
        [{ key: 'k', value: { intValue: '1' }, labels: { '': 'x' } }, 'the label "" is none'],
        [good, 'line 3 (good): the key is in a line before'],
        ['x'.repeat(8 << 20), 'line 3 is longer than any parameter'],
      ];
      for (const [line, fault] of bad) {
        const path = await fileOf(good, '', line, { key: 'later', value: { intValue: '1' } });
        const { code, out, err } = await paramd(['import', path]);
        expect({ code, out }, fault).to.deep.equal({ code: 1, out: '' });
        expect(err)
          .to.match(/^paramd: [^\n]+\n$/)
          .and.to.include(fault);
      }
      await writeFile(join(folder, 'latin'), Buffer.from('{"key":"\xe9"}', 'latin1'));
      expect((await paramd(['import', join(folder, 'latin')])).err).to.include('line 1: is not UTF-8');
      expect((await paramd(['import', join(folder, 'none')])).err).to.include('none cannot be read (ENOENT)');
      expect(await paramd(['import', folder])).to.include({
        code: 2,
        err: `paramd: ${folder} is a folder; give a file in it\n`,
      });
      expect(await revision()).to.equal(0n);
    });

    it('changes a kind only when told to, and says which line', async () => {
      await client.set('k', 'text');
      const path = await fileOf({ key: 'k', value: { intValue: '1' } });
      const { code, err } = await paramd(['import', path]);
      expect(code).to.equal(4);
      expect(err).to.match(/^paramd: line 1: k is of kind string, not int as in the file; --allow-kind-change .*\n$/);
      expect((await paramd(['import', path, '--allow-kind-change'])).out).to.include('0 created, 1 changed');
    });

    it('leaves what exists with --if-absent', async () => {
      await client.set('a', 'kept');
      const path = await fileOf({ key: 'a', value: { intValue: '1' } }, { key: 'b', value: { intValue: '1' } });
      expect((await paramd(['import', path, '--if-absent'])).out).to.equal(
        '1 created, 0 changed, 0 deleted, 1 unchanged at revision 2\n',
      );
      expect((await paramd(['get', 'a', 'b'])).out).to.equal('a=kept\nb=1\n');
    });

    it('prunes after a question', async () => {
      for (const key of ['p:old', 'p:new', 'q']) await client.set(key, 1n);
      const path = await fileOf({ key: 'p:new', value: { intValue: '2' } });
      const argv = ['import', path, '--prune', 'p:'];
      expect(await paramd(argv)).to.include({ code: 2 });
      const refused = await paramd(argv, { tty: true, stdin: 'n\n' });
      expect(refused.err).to.include('import it and delete 1 parameter under p: that the file does not have? [y/N]');
      expect(await revision()).to.equal(3n);
      const { out } = await paramd(argv, { tty: true, stdin: 'y\n' });
      expect(out).to.equal('0 created, 1 changed, 1 deleted, 0 unchanged at revision 5\n');
      expect((await paramd(['ls', '--keys-only'])).out).to.equal('p:new\nq\n');
      expect((await paramd([...argv, '--yes'])).out).to.include('0 deleted');
      expect((await paramd(['import', path, '--yes'])).code).to.equal(2);
    });

    it('goes back to a file that was imported before', async () => {
      const one = { key: 'k', value: { intValue: '1' } };
      const two = { key: 'k', value: { intValue: '2' } };
      for (const parameter of [one, two, one, two]) {
        const { out } = await paramd(['import', '-'], { stdin: JSON.stringify(parameter) });
        expect(out).to.match(/^(1 created, 0|0 created, 1) changed/);
        expect((await paramd(['get', 'k'])).out.trim()).to.equal(parameter.value.intValue);
      }
    });

    it('takes lines as editors leave them', async () => {
      const [a, b] = ['a', 'b'].map((key) => JSON.stringify({ key, value: { stringValue: 'é' } }));
      const path = await fileOf(`\ufeff${a}\r\n\r\n  \n${b}`);
      expect((await paramd(['import', path])).out).to.include('2 created');
      expect((await paramd(['import', '-'], { stdin: '' })).out).to.equal(
        '0 created, 0 changed, 0 deleted, 0 unchanged\n',
      );
    });

    it('splits what is too large for one commit, and for one read', async () => {
      const lines = Array.from({ length: 9 }, (_, i) => ({
        key: `k${i}`,
        value: { stringValue: 'x'.repeat(1 << 20) },
      }));
      const path = await fileOf(...lines);
      expect((await paramd(['import', path])).out).to.include('9 created');
      const small = lines.map(({ key }) => ({ key, value: { stringValue: 'small' } }));
      expect((await paramd(['import', await fileOf(...small)])).out).to.include('9 changed');
    });

    it('shows how far it is, on a terminal', async () => {
      const lines = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: { intValue: '1' } }));
      const { err } = await paramd(['import', await fileOf(...lines), '--dry-run'], { ttyErr: true });
      expect(err).to.match(/\rchecking \[#+-*\] +\d+ %/);
      expect(err.split('\r').at(-1)?.startsWith('\u001b[Kparamd: 20 created')).to.equal(true);
    });

    it('goes on where it was when it is run again', async () => {
      const lines = Array.from({ length: 20_000 }, (_, i) => ({ key: `k${i}`, value: { intValue: String(i) } }));
      const path = await fileOf(...lines);
      const broken = startParamd(['import', path, '--timeout', '1s'], { env: { PARAMD_TARGET: server.target } });
      while ((await revision()) < 3n) await new Promise(setImmediate);
      const survivor = await server.replica();
      await server.close();
      const ended = await broken.ended;
      expect(ended.code, ended.err).to.equal(5);
      expect(ended.err).to.match(/ended after line \d+ with \d+ created.*; the same import, run again, goes on there/);

      client.close();
      client = connect({ target: survivor.target });
      const interrupted = startParamd(['import', path], { env: { PARAMD_TARGET: survivor.target } });
      const before = await revision();
      while ((await revision()) < before + 2n) await new Promise(setImmediate);
      interrupted.interrupt();
      expect((await interrupted.ended).code).to.equal(130);

      const last = await paramd(['import', path], {}, survivor.target);
      expect(last.code, last.err).to.equal(0);
      let count = 0;
      for await (const { parameters } of client.list('', { pageSize: 1000 })) {
        count += parameters.length;
        expect(parameters.filter(({ version }) => version !== 1n)).to.deep.equal([]);
      }
      expect(count).to.equal(20_000);
      server = survivor;
    });
  });
});

function withoutTheServers(line: string): object {
  if (line === '') return {};
  const { key, value, labels, cacheTtl } = JSON.parse(line);
  return { key, value: JSON.stringify(value), labels: { ...labels }, cacheTtl };
}
