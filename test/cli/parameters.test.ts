import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type NativeValue, toValue } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from '../client/fake-server.ts';
import { type Ended, runParamd, startParamd, type Terminal } from './run-paramd.ts';

describe('paramd get, set, delete, list', () => {
  let fake: FakeServer;
  beforeEach(async () => {
    fake = await startFakeServer();
  });
  afterEach(() => fake.close());

  function paramd(line: string | readonly string[], terminal: Terminal = {}): Promise<Ended> {
    const argv = typeof line === 'string' ? line.split(' ') : line;
    return runParamd(argv, { ...terminal, env: { PARAMD_TARGET: fake.target, USER: 'ada', ...terminal.env } });
  }

  function put(key: string, value: NativeValue): bigint {
    return fake.put(key, toValue(value));
  }

  describe('get', () => {
    it('prints the bare value', async () => {
      put('max', 9007199254740993n);
      expect(await paramd('get max')).to.deep.equal({ code: 0, out: '9007199254740993\n', err: '' });
    });

    it('prints every kind so that set takes it back', async () => {
      const values = [
        'a b',
        7n,
        0.1,
        true,
        Buffer.from('é'),
        { json: '{ "a" : 1 }' },
        { durationNs: 1_500_000_000n },
        ['x'],
      ];
      for (const value of values) put('k', value);
      const texts: string[] = [];
      for (const value of values) {
        put('k', value as NativeValue);
        const text = (await paramd('get k')).out.slice(0, -1);
        texts.push(text);
        expect(await paramd(['set', 'k', text])).to.include({ code: 0 });
        expect((await paramd('get k')).out).to.equal(`${text}\n`);
      }
      expect(texts).to.deep.equal(['a b', '7', '0.1', 'true', 'w6k=', '{ "a" : 1 }', '1.500s', '["x"]']);
    });

    it('prints key=value of several, and names the missing ones', async () => {
      put('a', 1n);
      put('b', 'x');
      expect(await paramd('get b nope a')).to.deep.equal({
        code: 3,
        out: 'b=x\na=1\n',
        err: 'paramd: nope does not exist\n',
      });
    });

    it('ends with 3 where nothing is', async () => {
      expect(await paramd('get nope')).to.deep.equal({ code: 3, out: '', err: 'paramd: nope does not exist\n' });
    });

    it('shows a person what the answer is worth', async () => {
      put('k', 'two\nlines');
      expect(await paramd('get k', { tty: true, ttyErr: true, env: { NO_COLOR: '1' } })).to.deep.equal({
        code: 0,
        out: 'two\nlines\n',
        err: 'string_value, revision 1, at most 20 ms old, from the near cache\n',
      });
      expect((await paramd('get k', { ttyErr: true })).err).to.equal('');
    });

    it('writes raw bytes', async () => {
      put('k', Buffer.from('bytes'));
      expect((await paramd('get k --raw')).out).to.equal('bytes');
      expect(await paramd('get k l --raw')).to.include({ code: 2 });
    });

    it('passes on what the read demands', async () => {
      await paramd('get k --max-staleness 50ms --at-least-revision 7 --linearizable');
      const { request } = fake.calls[0] as unknown as { request: { consistency: Record<string, unknown> } };
      expect(request.consistency).to.include({ atLeastRevision: 7n, linearizable: true });
      expect(request.consistency.maxStaleness).to.include({ nanos: 50_000_000 });
    });

    it('says on stderr that an answer is degraded', async () => {
      put('k', 'v');
      fake.degraded = true;
      const { out, err } = await paramd('get k');
      expect(out).to.equal('v\n');
      expect(err).to.match(/store cannot be reached.*0\.020s old/);
    });

    it('prints canonical ProtoJSON', async () => {
      fake.put('k', toValue({ durationNs: 1_500_000_000n }), new Map([['__proto__', 'x']]));
      const { out } = await paramd('get k -o json');
      expect(out).to.include('"durationValue":"1.500s"').and.to.include('"__proto__":"x"');
      const { parameter, freshness } = JSON.parse(out);
      expect(parameter).to.include({ key: 'k', revision: '1', cacheTtl: '3600s' });
      expect(freshness).to.deep.equal({ revision: '1', servedFrom: 'TIER_NEAR_CACHE', stalenessBound: '0.020s' });
    });
  });

  describe('set', () => {
    it('prints kind and revision', async () => {
      expect(await paramd('set app:config:max_users 100')).to.deep.equal({
        code: 0,
        out: 'app:config:max_users = 100 (int_value) at revision 1\n',
        err: '',
      });
    });

    it('guesses the kind of a new parameter by canonical form', async () => {
      const kinds: Record<string, string> = {
        '100': 'int',
        '-5': 'int',
        '-0': 'string',
        '007': 'string',
        '1.5': 'string',
        true: 'bool',
      };
      for (const [text, kind] of Object.entries(kinds)) {
        const { out, err } = await paramd(['set', `k${text}`, text]);
        expect(out + err, text).to.include(`k${text} = ${text} (${kind}_value)`);
      }
    });

    it('keeps the kind of the existing parameter', async () => {
      put('ratio', 0.5);
      put('name', 'x');
      put('wait', { durationNs: 1n });
      expect((await paramd('set ratio 1')).out).to.include('(double_value)');
      expect((await paramd('set name 1')).out).to.include('(string_value)');
      expect((await paramd('set wait 1m30s')).out).to.include('= 90s (duration_value)');
    });

    it('says which kind it is when the text does not fit', async () => {
      put('max', 1n);
      const { code, err } = await paramd('set max many');
      expect(code).to.equal(4);
      expect(err).to.equal(
        'paramd: max is of kind int: "many" is no integer; --kind with --allow-kind-change changes that\n',
      );
    });

    it('reads the kind once more when it changed in between', async () => {
      fake.before.push({ method: 'set', run: () => void put('k', 'now a string') });
      expect((await paramd('set k 100')).out).to.equal('k = 100 (string_value) at revision 2\n');
      expect(fake.calls.map(({ method }) => method)).to.deep.equal(['get', 'set', 'get', 'set']);
    });

    it('changes the kind only when told to', async () => {
      put('k', 1n);
      const refused = await paramd('set k 1.5 --kind double');
      expect(refused.code).to.equal(4);
      expect(refused.err).to.match(/^paramd: k is of kind int, not double; --allow-kind-change .*\n$/);
      expect((await paramd('set k 1.5 --kind double --allow-kind-change')).out).to.include(
        '(double_value) at revision 2',
      );
      expect((await paramd('set k x --allow-kind-change')).code).to.equal(2);
      expect(await paramd('set k x --kind int')).to.deep.equal({
        code: 2,
        out: '',
        err: 'paramd: "x" is no integer\n',
      });
    });

    it('takes the value from stdin, without the line break at its end', async () => {
      expect((await paramd('set k -', { stdin: '100\n' })).out).to.include('= 100 (int_value)');
      expect((await paramd('set s - --kind string', { stdin: 'two\nlines\r\n' })).out).to.include('two\\nlines (');
    });

    it('can be interrupted while it waits for stdin', async () => {
      const { ended, interrupt } = startParamd(['set', 'k', '-'], { tty: true, env: { PARAMD_TARGET: fake.target } });
      interrupt();
      expect(await ended).to.deep.equal({ code: 130, out: '', err: '' });
    });

    it('takes bytes from a file as they are, from the command line as base64', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'paramd-cli-'));
      try {
        const file = join(folder, 'logo');
        await writeFile(file, Buffer.from([0, 255, 10]));
        expect((await paramd(['set', 'k', '--kind', 'bytes', '--file', file])).out).to.include('= AP8K (bytes_value)');
        expect((await paramd('set k AQI= --kind bytes')).out).to.include('= AQI= (bytes_value)');
        expect(await paramd(['set', 't', '--file', file])).to.deep.include({ code: 2 });
        expect((await paramd(['set', 't', '--file', join(folder, 'gone')])).err).to.include('cannot be read (ENOENT)');
        await writeFile(file, Buffer.alloc((1 << 20) + 3));
        expect((await paramd(['set', 't', '--file', file])).err).to.include('larger than a value may be');
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('sets labels and TTL, also without a value', async () => {
      await paramd('set k v --label team=checkout --label q=a=b --ttl 90s');
      const { out } = await paramd('set k --label owner=ada --remove-label team -o json');
      const { parameter } = JSON.parse(out);
      expect(parameter.labels).to.deep.equal({ q: 'a=b', owner: 'ada' });
      expect(parameter).to.include({ cacheTtl: '90s', revision: '2', updatedBy: 'ada' });
      expect(parameter.value).to.deep.equal({ stringValue: 'v' });
      expect((await paramd('set k')).code).to.equal(2);
    });

    it('takes values that begin with a dash', async () => {
      expect((await paramd('set n -5')).out).to.include('n = -5 (int_value)');
      expect((await paramd('set s -- --x')).out).to.include('s = --x (string_value)');
    });

    it('fails on a condition with 4', async () => {
      put('k', 1n);
      expect(await paramd('set k 2 --if-revision 7')).to.deep.equal({
        code: 4,
        out: '',
        err: 'paramd: k is at revision 1, not 7\n',
      });
      expect((await paramd('set k 2 --if-revision 0')).code).to.equal(4);
      expect((await paramd('set k 2 --if-revision 1')).code).to.equal(0);
    });

    it('only checks with --validate-only, and sends the given request id', async () => {
      const { out } = await paramd('set k v --validate-only --request-id r1');
      expect(out).to.equal('k = v (string_value) would be set; nothing is written\n');
      expect(fake.calls.at(-1)?.request).to.include({ requestId: 'r1', validateOnly: true });
    });

    it('shows nothing that a terminal would obey', async () => {
      const { out } = await paramd(['set', 'k', '\u001b[2Jx\u202e']);
      expect(out).to.equal('k = \\u001b[2Jx\\u202e (string_value) at revision 1\n');
      expect((await paramd(['set', 'k', 'x'.repeat(500)])).out).to.match(/^k = x{80}… \(500 bytes\) \(string_value\)/);
    });
  });

  describe('delete', () => {
    it('deletes one', async () => {
      put('k', 1n);
      expect((await paramd('delete k')).out).to.equal('k deleted at revision 2\n');
      expect(await paramd('rm k')).to.include({ code: 3, err: 'paramd: k does not exist\n' });
      expect((await paramd('rm k --allow-missing')).out).to.equal('k does not exist at revision 2\n');
      expect((await paramd('rm k --if-revision 1')).code).to.equal(4);
    });

    it('asks before it deletes a prefix', async () => {
      for (let i = 0; i < 450; i++) put(`old:${i}`, 1n);
      put('new', 1n);
      const refused = await paramd('rm --prefix old:', { tty: true, stdin: 'n\n' });
      expect(refused).to.include({ code: 1, out: '' });
      expect(refused.err).to.include('delete 450 parameters under old:? [y/N]').and.to.include('nothing is deleted');
      expect((await paramd('rm --prefix old:')).err).to.include('add --yes');
      expect((await paramd('rm --prefix old: --validate-only')).out).to.include('450 parameters under old: would be');
      const { out } = await paramd('rm --prefix old:', { tty: true, stdin: 'y\n' });
      expect(out).to.equal('450 parameters under old: deleted at revision 453\n');
      expect((await paramd('ls --keys-only')).out).to.equal('new\n');
      expect((await paramd('rm --prefix old: --yes')).code).to.equal(0);
    });

    it('halves what is too large for one commit', async () => {
      for (const key of ['p:1', 'p:2', 'p:3']) put(key, 1n);
      const tooLarge = () => {
        throw failure(status.RESOURCE_EXHAUSTED, 'LIMIT_EXCEEDED', { limit: 'commit_bytes', maximum: '3145728' });
      };
      fake.before.push({ method: 'commit', run: tooLarge }, { method: 'commit', run: tooLarge });
      expect((await paramd('rm --prefix p: --yes')).out).to.equal('3 parameters under p: deleted at revision 6\n');
    });

    it('deletes nothing of a prefix that has changed since it was counted, and says how far it came', async () => {
      for (let i = 0; i < 450; i++) put(`p:${String(i).padStart(3, '0')}`, 1n);
      fake.before.push({ method: 'commit', run: () => {} });
      fake.before.push({ method: 'commit', run: () => void put('p:449', 2n) });
      expect(await paramd('rm --prefix p: --yes')).to.deep.equal({
        code: 4,
        out: '',
        err:
          'paramd: ended with 300 of 450 parameters deleted\n' +
          'paramd: somebody else has just written or deleted p:449; look again, and run this again\n',
      });
      expect((await paramd('rm --prefix p: --yes')).out).to.include('150 parameters under p: deleted');
    });

    it('prints a response for a prefix with nothing under it, too', async () => {
      expect((await paramd('rm --prefix none: --yes -o json')).out).to.equal('{}\n');
    });

    it('wants a key or a prefix', async () => {
      expect((await paramd('rm')).code).to.equal(2);
      expect((await paramd('rm k --prefix p')).code).to.equal(2);
    });
  });

  describe('list', () => {
    beforeEach(() => {
      put('app:a', 1n);
      put('app:long_key', 'two\nlines');
      put('z', true);
    });

    it('aligns columns', async () => {
      const lines = (await paramd('list app:')).out.split('\n');
      expect(lines[0]).to.match(/^app:a {9}1 {11}int_value {5}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      expect(lines[1]).to.match(/^app:long_key {2}two\\nlines {2}string_value {2}2 {2}/);
      expect(lines).to.have.length(3);
    });

    it('has a heading for people, in bold unless they mind', async () => {
      const { out } = await paramd('ls', { tty: true });
      expect(out.startsWith('\u001b[1mKEY  ')).to.equal(true);
      expect((await paramd('ls', { tty: true, env: { NO_COLOR: '1' } })).out).to.match(/^KEY {2,}VALUE/);
    });

    it('tells values from what is about them by colour', async () => {
      const { out } = await paramd('ls app:a', { tty: true });
      const dim = (text: string) => `\u001b[2m${text}\u001b[22m`;
      expect(out.split('\n')[1])
        .to.match(/^app:a +1 +/)
        .and.to.include(dim('int_value'));
      const plain = await paramd('ls app:a', { tty: true, env: { NO_COLOR: '1' } });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the colours
      expect(out.replaceAll(/\u001b\[\d+m/g, '').split('\n')[1]).to.equal(plain.out.split('\n')[1]);
    });

    it('prints keys alone, and no more than asked for', async () => {
      expect((await paramd('ls --keys-only')).out).to.equal('app:a\napp:long_key\nz\n');
      expect((await paramd('ls --keys-only --limit 2')).out).to.equal('app:a\napp:long_key\n');
      for (let i = 0; i < 1500; i++) put(`many:${i}`, 1n);
      expect((await paramd('ls many: --keys-only')).out.trim().split('\n')).to.have.length(1500);
      expect((await paramd('ls many: --keys-only --limit 1200')).out.trim().split('\n')).to.have.length(1200);
    });

    it('chooses by labels', async () => {
      fake.put(
        'app:b',
        toValue(2n),
        new Map([
          ['team', 'x'],
          ['q', ''],
        ]),
      );
      fake.put('app:c', toValue(3n), new Map([['team', 'y']]));
      expect((await paramd('ls --keys-only --label team')).out).to.equal('app:b\napp:c\n');
      expect((await paramd('ls --keys-only --label team=y')).out).to.equal('app:c\n');
      expect((await paramd('ls --keys-only --label team --label q=')).out).to.equal('app:b\n');
      expect((await paramd('ls --keys-only --label team --limit 1')).out).to.equal('app:b\n');
    });

    it('shows nothing that a terminal would obey, and to programs all as it is', async () => {
      put('a\u202eb', '\u001b[2J');
      for (const line of ['ls', 'ls --keys-only', 'get a\u202eb', 'get a\u202eb app:a']) {
        const { out } = await paramd(line, { tty: true, env: { NO_COLOR: '1' } });
        for (const character of '\u001b\u202e') expect(out, line).to.not.include(character);
      }
      expect((await paramd('ls a\u202e --keys-only')).out).to.equal('a\u202eb\n');
      expect((await paramd('get a\u202eb')).out).to.equal('\u001b[2J\n');
      expect((await paramd(['get', '\u001b[2J'])).err).to.equal('paramd: \\u001b[2J does not exist\n');
    });

    it('prints a line of JSON for each', async () => {
      const lines = (await paramd('ls -o json')).out.trim().split('\n');
      expect(lines.map((line) => JSON.parse(line).key)).to.deep.equal(['app:a', 'app:long_key', 'z']);
    });
  });
});
