import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { block, commands } from '../docs/blocks.ts';
import { openShell, type Shell } from '../docs/shell.ts';
import { type Fleet, type FleetReplica, startFleet } from '../e2e/replicas.ts';
import { int } from '../e2e/rpc.ts';
import { Authority } from '../support/authority.ts';
import { BUILD_MS_MAX, ensureBuilt, GRPCURL, LANGUAGES } from './languages.ts';

const KEY = 'app:config:max_users';

describe('what the papers say to type of other tools', () => {
  let fleet: Fleet;
  let replica: FleetReplica;
  const shells: Shell[] = [];

  before(async function () {
    this.timeout(BUILD_MS_MAX);
    await ensureBuilt();
    fleet = await startFleet({ count: 1 });
    replica = fleet.replicas[0]!;
    await replica.set({ key: KEY, value: int(100) });
  });
  after(async () => {
    await Promise.all(shells.map((shell) => shell.close()));
    await fleet?.close();
  });

  it('README.md: a watch by grpcurl', async () => {
    const [line = ''] = commands(block('README.md', `grpcurl -plaintext -d '{"prefixes"`));
    const watch = open().start(line.replaceAll('127.0.0.1:50051', replica.target));
    await watch.shown('KIND_INITIAL_COMPLETE');
    expect(watch.output()).to.contain('"100"');
    await replica.set({ key: KEY, value: int(120) });
    await watch.shown('"120"');
    watch.interrupt();
    await watch.ended;
  });

  it('docs/operations.md: grpcurl with client certificates', async () => {
    const authority = new Authority();
    try {
      const { certFile, keyFile } = authority.issue('server', '/CN=server', 'DNS:localhost');
      authority.issue('client', '/CN=deployer', 'DNS:client');
      const secure = await fleet.add({
        PARAMD_TLS_CERT_FILE: certFile,
        PARAMD_TLS_KEY_FILE: keyFile,
        PARAMD_TLS_CLIENT_CA_FILE: authority.certFile,
      });
      const [, line = ''] = commands(block('docs/operations.md', 'npx paramd get app:config:max_users --tls-ca'));
      const here = line.replace('paramd.example:50051', `localhost:${secure.replica.port}`);
      expect(await open(authority.folder).type(here)).to.contain('parameter.v1.ParameterService');
    } finally {
      rmSync(authority.folder, { recursive: true });
    }
  });

  // The tours themselves run in polyglot.test.ts; here it is only that these are the programs.
  it('docs/languages.md: build and run', () => {
    const go = LANGUAGES.find(({ name }) => name === 'go')!;
    const shown = commands(block('docs/languages.md', 'examples/go/build.sh'));
    const { folder, command } = go.build!;
    expect(shown).to.deep.equal([join(folder, ...command), `${go.run} tour`]);
  });

  function open(cwd = '.'): Shell {
    const env = { ...process.env, PATH: `${resolve(dirname(GRPCURL.run))}:${process.env.PATH}` };
    const shell = openShell({ cwd, env });
    shells.push(shell);
    return shell;
  }
});
