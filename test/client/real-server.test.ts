import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { connect, fromValue, type NativeValue } from '../../src/client/index.ts';
import { type Ended, runParamd, startParamd } from '../cli/run-paramd.ts';
import { type RealServer, startRealServer } from './real-server.ts';

describe('client and command line against paramd', () => {
  let server: RealServer;
  before(async () => {
    server = await startRealServer();
  });
  after(() => server.close());

  function paramd(...argv: string[]): Promise<Ended> {
    return runParamd(argv, { env: { PARAMD_TARGET: server.target, PARAMD_ACTOR: 'mocha' } });
  }

  it('keeps every kind of value', async () => {
    const client = connect({ target: server.target });
    const values: NativeValue[] = ['é', -(2n ** 63n), 0.1, false, Buffer.from([0, 255]), ['a'], { json: '[ 1 ]' }];
    values.push({ durationNs: -1n });
    for (const value of values) {
      const { revision } = await client.set('kinds', value, { allowKindChange: true });
      const { parameter } = await client.get('kinds', { atLeastRevision: revision });
      expect(fromValue(parameter?.value)).to.deep.equal(value);
    }
    client.close();
  });

  it('sets, gets, lists and deletes', async () => {
    expect((await paramd('set', 'crud:max', '100', '--label', 'team=a')).out).to.match(
      /^crud:max = 100 \(int_value\) at revision \d+\n$/,
    );
    expect(await paramd('get', 'crud:max')).to.deep.equal({ code: 0, out: '100\n', err: '' });
    expect(await paramd('get', 'crud:none')).to.include({ code: 3, err: 'paramd: crud:none does not exist\n' });
    expect((await paramd('get', 'crud:max', '-o', 'json')).out).to.include('"updatedBy":"mocha"');
    expect((await paramd('set', 'crud:max', 'many')).code).to.equal(4);
    const kind = await paramd('set', 'crud:max', 'many', '--kind', 'string');
    expect(kind).to.include({ code: 4 });
    expect(kind.err).to.include('crud:max is of kind int, not string; --allow-kind-change');
    expect((await paramd('set', 'crud:max', '1', '--if-revision', '0')).code).to.equal(4);
    expect((await paramd('set', 'crud:max', '1', '--if-revision', '999')).code).to.equal(4);
    expect((await paramd('set', 'crud:max', '7', '--validate-only')).out).to.include('nothing is written');
    expect((await paramd('ls', 'crud:')).out).to.match(/^crud:max {2}100 {2}int_value {2}\d+ {2}.* {2}mocha\n$/);
    expect((await paramd('rm', 'crud:max')).out).to.match(/^crud:max deleted at revision \d+\n$/);
    expect((await paramd('rm', 'crud:max')).code).to.equal(3);
  });

  it('lists over pages and deletes a prefix', async () => {
    const client = connect({ target: server.target });
    for (let from = 0; from < 1200; from += 300) {
      await client.commit(Array.from({ length: 300 }, (_, i) => ({ set: `many:${from + i}`, value: 1n })));
    }
    client.close();
    expect((await paramd('ls', 'many:', '--keys-only')).out.trim().split('\n')).to.have.length(1200);
    expect((await paramd('rm', '--prefix', 'many:', '--yes')).out).to.include('1200 parameters under many: deleted');
    expect((await paramd('ls', 'many:')).out).to.equal('');
  });

  it('refuses what is malformed, and says what', async () => {
    const { code, err } = await paramd('set', 'bad\nkey', 'x');
    expect(code).to.equal(1);
    expect(err).to.match(/^paramd: .*key.*\n$/);
    expect((await paramd('set', 'k', 'x', '--ttl', '1ms')).err).to.match(/cache_ttl/);
  });

  it('tells health and statistics, and warms', async () => {
    expect(await paramd('health')).to.include({ code: 0, out: 'serving\n' });
    expect((await paramd('health', '--service', 'parameter.v1.ParameterService')).code).to.equal(0);
    expect((await paramd('stats')).out).to.match(/^replica {3,}memory/);
    expect((await paramd('warm')).out).to.match(/^\d+ keys warmed\n$/);
  });

  it('says what is known when the store does not answer', async () => {
    const own = await startRealServer();
    await runParamd(['set', 'k', '1', '--target', own.target]);
    own.store.fail('hang');
    const read = await runParamd(['get', 'k', '--linearizable', '--target', own.target, '--timeout', '700ms']);
    const write = await runParamd(['set', 'k', '2', '--kind', 'int', '--target', own.target, '--timeout', '700ms']);
    own.store.fail('none');
    await own.close();
    expect(read.code).to.equal(5);
    expect(read.err)
      .to.match(/^paramd: [^\n]+\n$/)
      .and.to.not.include('no answer from');
    expect(write.code).to.equal(5);
    expect(write.err).to.match(/^paramd: whether .* is not known; .* --request-id [0-9a-f-]{36}\n$/);
  });

  it('watches over a replica that goes away: no gap, none twice (C10)', async () => {
    const [first, second] = [await server.replica(), await server.replica()];
    const targets = `${first.target},${second.target}`;
    const watching = startParamd(['watch', 'seq:', '--target', targets]);
    await watching.shown('watching from');
    for (let i = 0; i < 5; i++) await paramd('set', `seq:${i}`, '1');
    await watching.shown('seq:4');
    await first.close();
    for (let i = 5; i < 10; i++) await paramd('set', `seq:${i}`, '1');
    await watching.shown('seq:9');
    watching.interrupt();
    const { code, out } = await watching.ended;
    expect(code).to.equal(0);
    expect(out.match(/seq:\d/g)).to.deep.equal(Array.from({ length: 10 }, (_, i) => `seq:${i}`));
    await second.close();
  });
});

describe('client over TLS', () => {
  let folder: string;
  let server: RealServer;
  before(async function () {
    folder = await mkdtemp(join(tmpdir(), 'paramd-tls-'));
    const made = await certificates(folder).then(
      () => true,
      () => false,
    );
    if (!made) this.skip();
    const [cert, key, clientCa] = await Promise.all(['server.pem', 'server.key', 'ca.pem'].map(read));
    server = await startRealServer({ cert: cert as Buffer, key: key as Buffer, clientCa });
  });
  after(async () => {
    await server?.close();
    await rm(folder, { recursive: true });
  });

  const read = (name: string) => readFile(join(folder, name));
  const at = (name: string) => join(folder, name);
  const paramd = (...argv: string[]) => runParamd([...argv, '--target', server.target, '--timeout', '2s']);

  it('proves who asks by certificate', async () => {
    const tls = ['--tls-ca', at('ca.pem'), '--tls-cert', at('client.pem'), '--tls-key', at('client.key')];
    expect(await paramd('set', 'k', 'v', '-o', 'json', ...tls)).to.include({ code: 0, err: '' });
    expect((await paramd('get', 'k', '-o', 'json', ...tls)).out).to.match(/"updatedBy":"[^"]*checkout[^"]*"/);
  });

  it('says what to do without, or with the wrong authority', async () => {
    const ways: [tls: string[], way: RegExp][] = [
      [[], /; if it speaks TLS, give --tls or --tls-ca/],
      [['--tls'], /; give the authority of its certificate by --tls-ca/],
      [['--tls-ca', at('ca.pem')], /; give --tls-cert and --tls-key/],
      [['--tls-ca', at('ca.pem'), '--tls-server-name', 'elsewhere'], /; give the name .* by --tls-server-name/],
    ];
    for (const [tls, way] of ways) {
      const { code, err } = await paramd('get', 'k', ...tls);
      expect(code, tls.join(' ')).to.equal(5);
      expect(err, tls.join(' '))
        .to.match(/^paramd: no connection to .*\n$/)
        .and.to.match(way);
    }
  });
});

/** An authority, a server's certificate for 127.0.0.1 and a client's. @throws where there is no openssl */
async function certificates(folder: string): Promise<void> {
  const openssl = (...argv: string[]) => promisify(execFile)('openssl', argv, { cwd: folder });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test authority');
  for (const [name, subject, extension] of [
    ['server', '/CN=paramd', 'subjectAltName=IP:127.0.0.1'],
    ['client', '/CN=checkout', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', extension, '-addext', 'basicConstraints=CA:FALSE'];
    await openssl('req', '-x509', ...ec, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', subject, ...signed);
  }
}
