import { rmSync } from 'node:fs';
import { credentials, Metadata } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ParameterServiceClient } from '../../gen/parameter/v1/parameter_service.ts';
import type { Write } from '../../src/model/write.ts';
import type { TlsFiles } from '../../src/rpc/credentials.ts';
import { Authority, type Certificate, requireOpenssl } from '../support/authority.ts';
import { ask, type Fixture, failure, startFixture } from './rpc-fixture.ts';

describe('rpc server with TLS', () => {
  let authority: Authority;
  let server: Certificate;
  let fixture: Fixture;

  before(function () {
    requireOpenssl(this);
    authority = new Authority();
    server = authority.issue('server', '/CN=server', 'DNS:localhost');
  });
  after(() => authority && rmSync(authority.folder, { recursive: true }));
  afterEach(() => fixture?.close());

  const set = (client: ParameterServiceClient, metadata = new Metadata()) =>
    ask(
      (request: typeof SET, callback) =>
        client.setParameter(request, metadata, { deadline: Date.now() + 5000 }, callback),
      SET,
    );
  const written = () => fixture.core.asked[0]?.arguments[0] as Write;

  it('serves who trusts its authority', async () => {
    fixture = await startFixture({ tls: server }, credentials.createSsl(authority.cert));
    const metadata = new Metadata();
    metadata.set('paramd-actor', 'claimed');
    await set(fixture.parameters, metadata);
    expect(written()).to.deep.include({ principal: '', actor: 'claimed' });
  });

  it('takes a client certificate for the caller, whatever the metadata claims', async () => {
    const tls: TlsFiles = { ...server, clientCa: authority.cert };
    const client = authority.issue('client', '/CN=deployer', 'DNS:client');
    fixture = await startFixture({ tls }, credentials.createSsl(authority.cert, client.key, client.cert));
    const metadata = new Metadata();
    metadata.set('paramd-actor', 'claimed');
    await set(fixture.parameters, metadata);
    expect(written()).to.deep.include({ principal: 'deployer', actor: 'deployer' });
  });

  it('takes the alternative name where there is no common name', async () => {
    const client = authority.issue('spiffe', '/O=paramd', 'URI:spiffe://test/billing');
    const tls: TlsFiles = { ...server, clientCa: authority.cert };
    fixture = await startFixture({ tls }, credentials.createSsl(authority.cert, client.key, client.cert));
    await set(fixture.parameters);
    expect(written().principal).to.equal('URI:spiffe://test/billing');
  });

  it('refuses who shows no certificate, or one of another authority', async () => {
    const tls: TlsFiles = { ...server, clientCa: authority.cert };
    fixture = await startFixture({ tls }, credentials.createSsl(authority.cert));
    expect((await failure(set(fixture.parameters))).code).to.be.oneOf([4, 14]);
    const stranger = new Authority();
    const client = stranger.issue('client', '/CN=stranger', 'DNS:client');
    rmSync(stranger.folder, { recursive: true });
    const other = new ParameterServiceClient(
      `localhost:${fixture.server.port}`,
      credentials.createSsl(authority.cert, client.key, client.cert),
    );
    expect((await failure(set(other))).code).to.be.oneOf([4, 14]);
    other.close();
    expect(fixture.core.asked).to.have.length(0);
  });

  it('renews its certificate while it serves', async () => {
    fixture = await startFixture({ tls: server }, credentials.createSsl(authority.cert));
    await set(fixture.parameters);
    const next = new Authority();
    fixture.server.reloadTls(next.issue('server', '/CN=server', 'DNS:localhost'));
    rmSync(next.folder, { recursive: true });
    const renewed = new ParameterServiceClient(`localhost:${fixture.server.port}`, credentials.createSsl(next.cert));
    await set(renewed);
    renewed.close();
    await set(fixture.parameters);
    expect(() => fixture.server.reloadTls({ ...server, clientCa: authority.cert })).to.throw('restart');
  });

  it('drains', async () => {
    fixture = await startFixture({ tls: server }, credentials.createSsl(authority.cert));
    await set(fixture.parameters);
    await fixture.server.drain(1000);
  });
});

const SET = {
  key: 'k',
  value: { kind: { $case: 'intValue' as const, value: 5n } },
  cacheTtl: undefined,
  labels: new Map<string, string>(),
  removeLabels: [],
  requestId: '',
  validateOnly: false,
  allowKindChange: false,
};
