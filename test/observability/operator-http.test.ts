import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { type OperatorHttp, startOperatorHttp } from '../../src/observability/operator-http.ts';

describe('operator HTTP', () => {
  let http: OperatorHttp;
  let state = { ready: true, reason: '' };
  let scrapes: { asked: number; make: () => Promise<string> };

  beforeEach(async () => {
    scrapes = { asked: 0, make: async () => 'paramd_up 1\n' };
    http = await startOperatorHttp({
      host: '127.0.0.1',
      port: 0,
      metrics: {
        contentType: 'text/plain; version=0.0.4',
        metrics: () => {
          scrapes.asked++;
          return scrapes.make();
        },
      },
      ready: () => state,
    });
  });
  afterEach(() => http.close());

  function get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${http.port}${path}`, init);
  }

  it('serves metrics', async () => {
    const answer = await get('/metrics?x=1');
    expect(answer.headers.get('content-type')).to.equal('text/plain; version=0.0.4');
    expect(await answer.text()).to.equal('paramd_up 1\n');
  });

  it('is alive, and ready or says why not', async () => {
    expect((await get('/healthz')).status).to.equal(200);
    expect((await get('/readyz')).status).to.equal(200);
    state = { ready: false, reason: 'draining' };
    const answer = await get('/readyz');
    expect([answer.status, await answer.text()]).to.deep.equal([503, 'draining\n']);
    expect((await get('/healthz')).status).to.equal(200);
    state = { ready: true, reason: '' };
  });

  it('has an index of its pages and nothing else', async () => {
    const index = await (await get('/')).text();
    for (const [, path = ''] of index.matchAll(/href="([^"]+)"/g)) expect((await get(path)).status).to.equal(200);
    expect((await get('/etc/passwd')).status).to.equal(404);
    expect((await get('/metrics/')).status).to.equal(404);
    const posted = await get('/metrics', { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    const head = await get('/healthz', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).to.deep.equal([200, '6', '']);
  });

  it('answers 500 when a page cannot be made, and goes on', async () => {
    scrapes.make = () => Promise.reject(new Error('secret'));
    const answer = await get('/metrics');
    expect([answer.status, await answer.text()]).to.deep.equal([500, 'failed\n']);
    scrapes.make = async () => 'fine\n';
    expect((await get('/metrics')).status).to.equal(200);
  });

  it('makes one page for those who ask at the same time', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    scrapes.make = () => promise;
    const answers = [get('/metrics'), get('/metrics'), get('/metrics')];
    while (scrapes.asked === 0) await new Promise((later) => setTimeout(later, 1));
    const others = get('/healthz');
    expect((await others).status).to.equal(200); // the three have arrived too, on connections opened before
    resolve('shared\n');
    for (const answer of await Promise.all(answers)) expect(await answer.text()).to.equal('shared\n');
    expect(scrapes.asked).to.equal(1);
  });

  it('refuses headers beyond its bound', async () => {
    const answer = await get('/', { headers: { 'x-long': 'x'.repeat(9000) } });
    expect(answer.status).to.equal(431);
  });

  it('closes though a client keeps its connection open', async () => {
    const socket = await open(http.port);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n'); // never ends its request
    await http.close();
    await closed;
  });

  it('says so when the address is taken', async () => {
    const second = startOperatorHttp({
      host: '127.0.0.1',
      port: http.port,
      metrics: { contentType: '', metrics: async () => '' },
      ready: () => state,
    });
    const failure = await second.then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(failure).to.equal('EADDRINUSE');
  });
});

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
}
