import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { Authority, type Certificate, requireOpenssl } from '../support/authority.ts';
import { runParamd } from './run-paramd.ts';

describe('paramd over TLS, told by the environment', () => {
  let authority: Authority;
  let client: Certificate;
  let server: RealServer;
  before(async function () {
    requireOpenssl(this);
    authority = new Authority();
    client = authority.issue('client', '/CN=checkout', 'DNS:checkout');
    const { cert, key } = authority.issue('server', '/CN=server', 'DNS:params.internal');
    server = await startRealServer({ cert, key, clientCa: authority.cert });
  });
  after(async () => {
    await server?.close();
    if (authority !== undefined) await rm(authority.folder, { recursive: true });
  });

  const paramd = (line: string, env: Record<string, string>) =>
    runParamd(line.split(' '), { env: { PARAMD_TARGET: server.target, ...env } });

  it('has all of it from there', async () => {
    const env = {
      PARAMD_TARGET_CA_FILE: authority.certFile,
      PARAMD_TARGET_CERT_FILE: client.certFile,
      PARAMD_TARGET_KEY_FILE: client.keyFile,
      PARAMD_TARGET_SERVER_NAME: 'params.internal',
    };
    expect(await paramd('health', env)).to.deep.equal({ code: 0, out: 'serving\n', err: '' });
    expect((await paramd('health --tls-server-name elsewhere', env)).code).to.equal(5);
    expect((await paramd('health', { ...env, PARAMD_TARGET_SERVER_NAME: '' })).code).to.equal(5);
  });

  it('says what is wrong with it', async () => {
    const alone = await paramd('health', { PARAMD_TARGET_CERT_FILE: client.certFile });
    expect(alone).to.include({ code: 2 });
    expect(alone.err).to.include('PARAMD_TARGET_CERT_FILE and PARAMD_TARGET_KEY_FILE');
    expect((await paramd('health', { PARAMD_TARGET_TLS: 'yes' })).err).to.equal(
      'paramd: PARAMD_TARGET_TLS must be true or false, not "yes"\n',
    );
    expect((await paramd('health', { PARAMD_TARGET_TLS: 'true' })).err).to.include('by --tls-ca');
    expect((await paramd('health', { PARAMD_TARGET_TLS: 'false' })).err).to.include('if it speaks TLS');
    expect((await paramd('health', { PARAMD_TARGET_CA_FILE: '/nowhere' })).code).to.equal(2);
  });
});
