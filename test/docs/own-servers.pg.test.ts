import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Authority, requireOpenssl } from '../support/authority.ts';
import { freshDatabase, type TestDatabase, valkeyUrl } from '../support/servers.ts';
import { block, commands } from './blocks.ts';
import { type OpenLine, openShell, type Shell } from './shell.ts';

const [demo, dev, migrate = '', serve = ''] = commands(block('docs/command-line.md', '$ npx paramd demo')).map((line) =>
  line.replace(/^\$ /, ''),
);
const SERVING = '"msg":"serving"';

describe('what the papers say to type where servers are', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let shell: Shell;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database?.drop());
  beforeEach(() => {
    shell = open();
  });
  afterEach(() => shell.close());

  it('docs/command-line.md: migrate, demo and dev', async () => {
    expect(await shell.type(here(migrate))).to.contain('applied 0001');
    // What these two do has tests of its own in test/cli.
    for (const line of [demo, dev]) await shell.type(line!.replace(/ *#.*/, ' --help'));
  });

  for (const [name, line] of [
    ['docs/command-line.md', serve],
    ['README.md', block('README.md', 'DATABASE_URL=postgres:')],
    ['docs/operations.md', block('docs/operations.md', 'DATABASE_URL=postgres:')],
  ] as const) {
    it(`${name}: ${commands(line)[0]}`, async () => {
      const replica = shell.start(here(line));
      await replica.shown(SERVING);
      await drained(replica);
    });
  }

  it('docs/operations.md: a line of the log', async () => {
    const shown = JSON.parse(block('docs/operations.md', '{"level":"info"'));
    const replica = shell.start(here(serve));
    await replica.shown(SERVING);
    const client = open({ PARAMD_TARGET: target(replica) });
    await client.type('npx paramd set app:logged 1');
    const line = /^.*"status":"OK".*"msg":"call".*$/m;
    await replica.shown(line);
    const logged = JSON.parse(line.exec(replica.output())![0]);
    const same = ({ level, status, msg, ...rest }: Record<string, unknown>) => [level, status, msg, Object.keys(rest)];
    expect(same(logged)).to.deep.equal(same(shown));
    await drained(replica);
  });

  it('docs/operations.md: TLS and client certificates', async function () {
    requireOpenssl(this);
    const authority = new Authority();
    try {
      authority.issue('server', '/CN=server', 'DNS:localhost,IP:127.0.0.1');
      authority.issue('client', '/CN=deployer', 'DNS:client');
      copyFileSync(authority.certFile, join(authority.folder, 'clients-ca.pem'));
      const server = open({ DATABASE_URL: database.url }, authority.folder);
      const replica = server.start(block('docs/operations.md', 'PARAMD_TLS_CERT_FILE='));
      await replica.shown(SERVING);
      const client = open({ PARAMD_TARGET: target(replica) }, authority.folder);
      const [get = ''] = commands(block('docs/operations.md', 'npx paramd get app:config:max_users --tls-ca'));
      await client.type(get.replace('get app:config:max_users', 'set app:config:max_users 100'));
      expect(await client.type(get)).to.equal('100\n');
      await drained(replica);
    } finally {
      rmSync(authority.folder, { recursive: true });
    }
  });

  function open(env: NodeJS.ProcessEnv = {}, cwd = '.'): Shell {
    const ports = { PARAMD_LISTEN: '127.0.0.1:0', PARAMD_HTTP_LISTEN: '127.0.0.1:0' };
    return openShell({ cwd, env: { ...process.env, ...ports, ...env } });
  }

  /** With the servers of this run instead of those that the papers name. */
  function here(line: string): string {
    const ours: Record<string, string> = { DATABASE_URL: database.url, VALKEY_URL: valkeyUrl() ?? '' };
    return line.replaceAll(
      /\b(DATABASE_URL|VALKEY_URL|PARAMD_LISTEN|PARAMD_HTTP_LISTEN)=\S+/g,
      (_setting, name: string) => `${name}='${ours[name] ?? '127.0.0.1:0'}'`,
    );
  }
});

function target(replica: OpenLine): string {
  const serving = replica
    .output()
    .split('\n')
    .find((line) => line.includes(SERVING))!;
  return JSON.parse(serving).grpc;
}

async function drained(replica: OpenLine): Promise<void> {
  replica.interrupt();
  expect(await replica.ended).to.equal(0);
}
