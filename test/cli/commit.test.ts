import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect, type ParamdClient } from '../../src/client/index.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { type Ended, runParamd, type Terminal } from './run-paramd.ts';

describe('paramd commit', () => {
  let server: RealServer;
  let client: ParamdClient;
  before(async () => {
    server = await startRealServer();
    client = connect({ target: server.target });
  });
  after(async () => {
    client.close();
    await server.close();
  });
  beforeEach(() => paramd(['rm', '--prefix', '', '--yes']));

  function paramd(argv: readonly string[], terminal: Terminal = {}): Promise<Ended> {
    return runParamd(argv, { ...terminal, env: { PARAMD_TARGET: server.target } });
  }

  it('does all at one revision, in the kinds that there are', async () => {
    await client.set('ratio', 0.5);
    await client.set('old', 1n);
    const { code, out } = await paramd([
      'commit',
      '--set',
      'ratio=1',
      '--set',
      'max=7',
      '--set',
      'eq=a=b',
      '--delete',
      'old',
    ]);
    expect(code).to.equal(0);
    const revision = (await client.get('max')).parameter?.revision;
    expect(out.split('\n')).to.deep.equal([
      `ratio = 1 (double_value) at revision ${revision}`,
      `max = 7 (int_value) at revision ${revision}`,
      `eq = a=b (string_value) at revision ${revision}`,
      `old deleted at revision ${revision}`,
      '',
    ]);
    expect((await client.get('ratio')).parameter?.revision).to.equal(revision);
  });

  it('does nothing if a condition does not hold', async () => {
    const { revision } = await client.set('a@b', 1n);
    const lines = [`--if a@b@${revision - 1n}`, '--if a@b@0', `--if a@b@${revision} --if none@1`];
    for (const line of lines) {
      const { code, err } = await paramd(['commit', ...line.split(' '), '--set', 'x=1']);
      expect(code, line).to.equal(4);
      expect(err).to.match(/^paramd: [^\n]+\n$/);
    }
    expect((await paramd(['get', 'x'])).code).to.equal(3);
    expect((await paramd(['commit', '--if', `a@b@${revision}`, '--if', 'x@0', '--set', 'x=1'])).code).to.equal(0);
  });

  it('takes a request in ProtoJSON, from the command line, stdin or a file', async () => {
    const set = {
      key: 'wait',
      value: { durationValue: '1.000000001s' },
      cacheTtl: '2591999.999999999s',
      labels: JSON.parse('{"__proto__":"x"}'),
    };
    const request = JSON.stringify({ conditions: [{ key: 'wait', ifRevision: '0' }], operations: [{ set }] });
    const { out } = await paramd(['commit', request, '-o', 'json']);
    const { parameters, revision } = JSON.parse(out);
    expect(parameters[0]).to.include({ revision, cacheTtl: '2591999.999999999s' });
    expect(parameters[0].value).to.deep.equal({ durationValue: '1.000000001s' });
    expect(out).to.include('"labels":{"__proto__":"x"}');
    expect((await paramd(['commit', '-'], { stdin: request })).code).to.equal(4);

    const folder = await mkdtemp(join(tmpdir(), 'paramd-cli-'));
    try {
      const file = join(folder, 'request.json');
      const operations = [{ delete: { key: 'wait' } }, { delete: { key: 'none', allowMissing: true } }];
      await writeFile(file, JSON.stringify({ operations }, null, 2));
      const validated = await paramd(['commit', '--file', file, '--validate-only']);
      expect(validated.out).to.include('wait would be deleted; nothing is written');
      expect((await paramd(['commit', '--file', file])).out).to.match(/^wait deleted at revision \d+\nnone deleted/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is not done twice with one request id', async () => {
    const argv = ['commit', '--set', 'k=1', '--request-id', 'once'];
    const first = await paramd(argv);
    expect((await paramd(argv)).out).to.equal(first.out);
    expect((await client.get('k')).parameter?.version).to.equal(1n);
  });

  it('says what is wrong with a request', async () => {
    const cases: [string[], string][] = [
      [['{'], 'the request: '],
      [['{"operations":[{"set":{"kye":"k"}}]}'], 'the request: SetOperation: key "kye" is unknown'],
      [['{"operations":[{}]}'], 'operations[0] is neither set nor delete'],
      [['{"conditions":[{"key":"k"}],"operations":[]}'], 'conditions[0] has no ifRevision'],
      [[], 'give a request, or --set, --delete and --if'],
      [['{}', '--set', 'a=1'], 'give a request, or'],
      [['--set', 'a'], 'It is written key=value'],
      [['--if', 'a', '--set', 'a=1'], 'It is written key@revision'],
      [['--if', 'a@x', '--set', 'a=1'], 'A revision is a whole number'],
    ];
    for (const [argv, fault] of cases) {
      const { code, out, err } = await paramd(['commit', ...argv]);
      expect({ code, out }, fault).to.deep.equal({ code: 2, out: '' });
      expect(err)
        .to.include(fault)
        .and.to.match(/^paramd: [^\n]+\n$/);
    }
    await client.set('n', 1n);
    expect(await paramd(['commit', '--set', 'n=many'])).to.deep.include({
      code: 4,
      err: 'paramd: n is of kind int: "many" is no integer; --kind with --allow-kind-change changes that\n',
    });
  });
});
