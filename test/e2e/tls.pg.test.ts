import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { connect } from '../../src/client/index.ts';
import { Authority, type Certificate, requireOpenssl } from '../support/authority.ts';
import { type Fleet, startFleet } from './replicas.ts';

describe('TLS from files', () => {
  let authority: Authority;
  let server: Certificate;
  let fleet: Fleet;

  before(async function () {
    requireOpenssl(this);
    authority = new Authority();
    server = authority.issue('server', '/CN=server', 'DNS:localhost,IP:127.0.0.1');
    fleet = await startFleet({ count: 0 });
  });
  after(async () => {
    await fleet?.close();
    if (authority !== undefined) rmSync(authority.folder, { recursive: true });
  });

  it('a client certificate names the caller; without one nobody gets in', async () => {
    const { replica } = await fleet.add({
      PARAMD_TLS_CERT_FILE: server.certFile,
      PARAMD_TLS_KEY_FILE: server.keyFile,
      PARAMD_TLS_CLIENT_CA_FILE: authority.certFile,
    });
    const target = `localhost:${replica.port}`;
    const { key, cert } = authority.issue('client', '/CN=deployer', 'DNS:client');
    const known = connect({ target, tls: { ca: authority.cert, key, cert } });
    await known.set('a', 'secret');
    expect((await known.get('a')).parameter?.updatedBy).to.equal('deployer');
    known.close();
    for (const tls of [{ ca: authority.cert }, undefined]) {
      const stranger = connect({ target, tls, timeoutMs: 2_000 });
      const error = await stranger.get('a').then(
        () => undefined,
        (refused: { status: string }) => refused,
      );
      expect(error?.status).to.be.oneOf(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);
      stranger.close();
    }
  });

  it('files that do not fit together are a start error that names the variables', async () => {
    const other = authority.issue('other', '/CN=other', 'DNS:localhost');
    const start = fleet.add({ PARAMD_TLS_CERT_FILE: server.certFile, PARAMD_TLS_KEY_FILE: other.keyFile });
    const error = await start.then(
      () => undefined,
      (refused: Error) => refused,
    );
    expect(error?.message).to.contain('PARAMD_TLS_');
  });
});
