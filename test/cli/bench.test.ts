import { expect } from 'chai';
import { fillNamespace } from '../../src/bench/namespace.ts';
import { connect, type ParamdClient } from '../../src/client/index.ts';
import { type FakeServer, failure, startFakeServer } from '../client/fake-server.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { runParamd, startParamd } from './run-paramd.ts';

const QUICK = ['--duration', '0.2s', '--concurrency', '4', '--keys', '50', '--batch', '10'];
const ALL = ['get', 'batch of 10', 'list of 10', 'set', 'commit of 10', 'watch'];

describe('paramd bench', () => {
  let server: RealServer;
  let client: ParamdClient;

  beforeEach(async () => {
    server = await startRealServer();
    client = connect({ target: server.target });
  });
  afterEach(async () => {
    client.close();
    await server.close();
  });

  function bench(words: readonly string[], target = server.target) {
    return runParamd(['bench', ...words, '--target', target]);
  }

  async function keysUnder(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const page of client.list(prefix, { linearizable: true }))
      keys.push(...page.parameters.map((p) => p.key));
    return keys;
  }

  it('measures every workload, and removes what it put there', async () => {
    const { code, out, err } = await bench(QUICK);
    expect(code, err).to.equal(0);
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rows[0]).to.deep.equal(['WORKLOAD', 'OPERATIONS/S', 'P50', 'P95', 'P99', 'MAX', 'ERRORS']);
    expect(rows.slice(1).map(([name]) => name)).to.deep.equal(ALL);
    for (const row of rows.slice(1)) expect(row.at(-1), row[0]).to.equal('0');
    expect(await keysUnder('')).to.deep.equal([]);
  });

  it('gives a program a line for each workload, with all that the figures depend on', async () => {
    const { code, out } = await bench(['get', 'watch', '--value-bytes', '7', ...QUICK, '-o', 'json']);
    expect(code).to.equal(0);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ workload }) => workload)).to.deep.equal(['get', 'watch']);
    for (const line of lines) {
      expect(line).to.include({ concurrency: 4, seconds: 0.2, keys: 50, valueBytes: 7 });
      expect(line).to.include.keys('operationsPerSecond', 'p50Ms', 'p95Ms', 'p99Ms', 'maxMs');
      expect(line.operations).to.be.greaterThan(0);
      expect(line.p50Ms).to.be.at.most(line.maxMs);
      expect(line.errors).to.deep.equal([]);
    }
  });

  it('refuses a prefix that holds what somebody needs, and changes nothing', async () => {
    await client.set('bench:limit', 7n);
    const { code, out, err } = await bench(['set', ...QUICK]);
    expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    expect(err).to.include('a parameter under bench: (bench:limit) no benchmark has put there');
    expect(await keysUnder('')).to.deep.equal(['bench:limit']);
    expect((await client.get('bench:limit')).freshness.revision).to.equal(1n);
  });

  it('removes its own and nothing else, also what a run left', async () => {
    expect((await bench(['get', ...QUICK, '--keep', '--prefix', 'other:'])).code).to.equal(0);
    expect(await keysUnder('other:')).to.have.length(50);
    await client.set('others', 7n);
    expect((await bench(['get', '--prefix', 'other:', ...QUICK, '--keys', '20'])).code).to.equal(0);
    expect(await keysUnder('')).to.deep.equal(['others']);
  });

  it('cleans up at Ctrl-C', async () => {
    const running = startParamd(['bench', 'get', '--duration', '1h', '--target', server.target], { ttyErr: true });
    await running.shown('calls');
    running.interrupt();
    expect((await running.ended).code).to.equal(130);
    expect(await keysUnder('')).to.deep.equal([]);
  });

  it('has no commit on its way when it ends at Ctrl-C while it fills', async () => {
    const interruption = new AbortController();
    const interrupted: ParamdClient = {
      ...client,
      commit(operations, settings) {
        interruption.abort();
        return client.commit(operations, settings);
      },
    };
    const filling = fillNamespace(interrupted, { prefix: 'p:', count: 500, valueBytes: 1 }, interruption.signal);
    expect((await filling.catch((error) => error)).name).to.equal('AbortError');
    expect(await keysUnder('p:')).to.have.length(300);
  });

  it('says in one line that nobody is there', async () => {
    const { code, out, err } = await bench(['get', ...QUICK], '127.0.0.1:1');
    expect({ code, out }).to.deep.equal({ code: 5, out: '' });
    expect(err).to.match(/^paramd: nothing answers at 127\.0\.0\.1:1; .*\n$/);
  });

  it('names a workload that there is not, and numbers that are none', async () => {
    expect(await bench(['gett'])).to.include({ code: 2, out: '' });
    for (const words of [
      ['--batch', '1001'],
      ['--concurrency', '0'],
      ['--duration', '0s'],
      ['--prefix', ''],
    ]) {
      expect((await bench(['get', ...words])).code, words.join(' ')).to.equal(2);
    }
  });
});

describe('paramd bench, with a server that errs', () => {
  let fake: FakeServer;

  beforeEach(async () => {
    fake = await startFakeServer();
  });
  afterEach(() => fake.close());

  function bench(workload: string) {
    return runParamd(['bench', workload, ...QUICK, '--target', fake.target]);
  }

  it('prints no figure for a workload of which a call failed, and says why', async () => {
    fake.before.push({
      method: 'get',
      run: () => {
        throw failure(13, 'INTERNAL', {}, { message: 'out of luck' });
      },
    });
    const { code, out, err } = await bench('get');
    expect(code).to.equal(1);
    expect(out).to.match(/^get( +-){5} +1$/m);
    expect(err).to.include('get: 1 × out of luck');
    expect(err).to.include('no figures for get: calls failed');
  });
});
