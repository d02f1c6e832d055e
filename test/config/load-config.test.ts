import { expect } from 'chai';
import fc from 'fast-check';
import { describe as describeConfig, settingsTable } from '../../src/config/describe.ts';
import { ConfigError, loadConfig, warnings } from '../../src/config/load-config.ts';
import { SETTINGS } from '../../src/config/settings.ts';

const DATABASE = { DATABASE_URL: 'postgresql://paramd:secret@db:5432/paramd' };
const serve = { embeddedAllowed: false };

function problemsOf(env: NodeJS.ProcessEnv, options = serve): readonly string[] {
  try {
    loadConfig(env, options);
    return [];
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
}

describe('configuration', () => {
  it('has a default for everything but the database', () => {
    const config = loadConfig(DATABASE, serve);
    expect(config.listen).to.deep.equal({ host: '127.0.0.1', port: 50051 });
    expect(config.maxStalenessMs).to.equal(500);
    expect(config.valkeyUrl).to.equal(undefined);
    expect(config.warmPrefixes).to.deep.equal([]);
    expect(config.embedded).to.equal(false);
    expect(config.replicaId).to.match(/^[\w.-]{1,64}$/);
  });

  it('is frozen, inside too', () => {
    for (const env of [DATABASE, { ...DATABASE, PARAMD_LISTEN: '[::1]:1', PARAMD_WARM_PREFIXES: 'a' }]) {
      const config = loadConfig(env, serve);
      for (const value of [config, ...Object.values(config)]) expect(Object.isFrozen(value)).to.equal(true);
    }
  });

  it('reads every kind of value', () => {
    const config = loadConfig(
      {
        PGHOST: 'db',
        VALKEY_URL: 'valkeys://:secret@cache:6379/1',
        PARAMD_LISTEN: '[::]:0',
        PARAMD_MAX_STALENESS_MS: '1000',
        PARAMD_WARM_PREFIXES: 'app:, web: ,,',
        PARAMD_JOBS: 'off',
        PARAMD_TLS_CERT_FILE: 'LICENSE',
        PARAMD_TLS_KEY_FILE: 'LICENSE',
      },
      serve,
    );
    expect(config).to.deep.include({
      pgHost: 'db',
      databaseUrl: undefined,
      valkeyUrl: 'valkeys://:secret@cache:6379/1',
      listen: { host: '::', port: 0 },
      maxStalenessMs: 1000,
      warmPrefixes: ['app:', 'web:'],
      jobs: 'off',
      tlsCertFile: 'LICENSE',
    });
  });

  it('reports all that is wrong together', () => {
    const problems = problemsOf({
      PARAMD_MAX_STALENESS_MS: '49',
      PARAMD_NEAR_CACHE_BYTES: '64MiB',
      PARAMD_LISTEN: '50051',
      PARAMD_LOG_LEVEL: 'loud',
      PARAMD_NEAR_CACHE_SIZE: '1',
    });
    expect(problems).to.deep.equal([
      'PARAMD_NEAR_CACHE_SIZE is not a setting; the nearest is PARAMD_NEAR_CACHE_BYTES',
      'PARAMD_LISTEN must be an address such as 127.0.0.1:50051 or [::1]:50051, not "50051"',
      'PARAMD_MAX_STALENESS_MS must be a whole number from 50 to 60000, not "49"',
      'PARAMD_NEAR_CACHE_BYTES must be a whole number from 2097152 to 68719476736, not "64MiB"',
      'PARAMD_LOG_LEVEL must be one of debug, info, warn, error, silent, not "loud"',
      'DATABASE_URL or PGHOST must be set',
    ]);
  });

  it('names the setting nearest to an unknown one', () => {
    expect(problemsOf({ ...DATABASE, PARAMD_MAX_STALENES_MS: '1' })).to.deep.equal([
      'PARAMD_MAX_STALENES_MS is not a setting; the nearest is PARAMD_MAX_STALENESS_MS',
    ]);
    expect(
      problemsOf({ ...DATABASE, PARAMD_TEST_ANYTHING: '1', PARAMD_TARGET: 'a:1', OTEL_SERVICE_NAME: 'x', PGUSER: 'y' }),
    ).to.deep.equal([]);
  });

  it('demands a database, and sees a misspelt one', () => {
    expect(problemsOf({ PATH: '/bin' })).to.deep.equal(['DATABASE_URL or PGHOST must be set']);
    expect(problemsOf({ DATABSE_URL: 'postgres://db/paramd' })).to.deep.equal([
      'DATABASE_URL or PGHOST must be set; is DATABSE_URL a misspelling?',
    ]);
    expect(problemsOf({ DATABASE_URL: '' })).to.have.length(1);
    expect(loadConfig({}, { embeddedAllowed: true }).embedded).to.equal(true);
    expect(loadConfig({ PGHOST: 'db' }, { embeddedAllowed: true }).embedded).to.equal(false);
  });

  it('refuses settings that contradict each other', () => {
    const contradictions: [NodeJS.ProcessEnv, RegExp][] = [
      [{ PARAMD_TLS_CERT_FILE: 'LICENSE' }, /KEY_FILE must be set together/],
      [{ PARAMD_TLS_CLIENT_CA_FILE: 'LICENSE' }, /CLIENT_CA_FILE needs/],
      [{ PARAMD_POLL_INTERVAL_MS: '251' }, /half of PARAMD_MAX_STALENESS_MS/],
      [{ PARAMD_IDLE_POLL_INTERVAL_MS: '99' }, /IDLE_POLL_INTERVAL_MS must not be below/],
      [{ PARAMD_STREAMS_PER_CONNECTION_MAX: '100' }, /must be below PARAMD_STREAMS_PER_CONNECTION_MAX/],
      [{ PARAMD_KEEPALIVE_MS: '1000' }, /KEEPALIVE_TIMEOUT_MS must not be above/],
      [{ PARAMD_UNARY_TIMEOUT_MS: '15001' }, /AGE_GRACE_MS must not be below/],
    ];
    for (const [env, expected] of contradictions) {
      const problems = problemsOf({ ...DATABASE, ...env });
      expect(problems).to.have.length(1);
      expect(problems[0]).to.match(expected);
    }
  });

  it('demands files that can be read, and names the variable', () => {
    const files = { PARAMD_TLS_CERT_FILE: '/nowhere/cert.pem', PARAMD_TLS_KEY_FILE: '/nowhere/key.pem' };
    expect(problemsOf({ ...DATABASE, ...files })).to.include.members([
      'PARAMD_TLS_CERT_FILE must be the name of a file, not "/nowhere/cert.pem"',
      'PARAMD_TLS_KEY_FILE must be the name of a file, not "/nowhere/key.pem"',
    ]);
  });

  it('warns of what is open to other machines', () => {
    const open = { ...DATABASE, PARAMD_LISTEN: '0.0.0.0:50051', PARAMD_HTTP_LISTEN: '[::]:9464' };
    expect(warnings(loadConfig(DATABASE, serve))).to.deep.equal([]);
    expect(warnings(loadConfig(open, serve))).to.have.length(2);
    const tls = { ...open, PARAMD_TLS_CERT_FILE: 'LICENSE', PARAMD_TLS_KEY_FILE: 'LICENSE' };
    expect(warnings(loadConfig(tls, serve))).to.have.length(1);
  });

  it('shows no password', () => {
    const shown: [url: string, expected: string][] = [
      ['postgresql://paramd:secret@db:5432/paramd?sslmode=require', 'postgresql://db:5432/paramd'],
      ['postgres://u:secret@a:1,b:2/paramd', 'postgres://a:1,b:2/paramd'],
      ['postgres:///paramd?host=/run&password=secret', 'postgres:///paramd'],
      ['postgres://u:sec?ret@db/paramd', 'postgres://(hidden)'],
      ['postgres://u:1?secret@db/paramd', 'postgres://(hidden)'],
      ['postgres://u:sec@ret@db/paramd', 'postgres://(hidden)'],
      ['postgres://u@db/paramd?password=sec@ret', 'postgres://(hidden)'],
    ];
    for (const [url, expected] of shown) {
      expect(describeConfig(loadConfig({ DATABASE_URL: url }, serve)).DATABASE_URL).to.equal(expected);
    }
    const wrong = problemsOf({ DATABASE_URL: 'mysql://u:secret@db', VALKEY_URL: 'http://:secret@cache' });
    expect(wrong).to.have.length(2);
    expect(wrong.join()).to.not.contain('secret');
  });

  it('shows no password, whatever the characters', () => {
    const password = fc.string({ unit: 'grapheme-ascii', minLength: 6 }).filter((text) => !'(hidden)'.includes(text));
    const user = fc.constantFrom('u:', 'u%40x:', ':');
    const rest = fc.constantFrom('@db/paramd', '@db:5432', '@a:1,b:2/x?sslmode=off');
    fc.assert(
      fc.property(user, password, rest, (name, secret, tail) => {
        const config = loadConfig({ DATABASE_URL: `postgres://${name}${secret}${tail}` }, serve);
        expect(describeConfig(config).DATABASE_URL).to.not.contain(secret);
      }),
    );
  });
});

describe('table of settings', () => {
  it('is accepted by the parser in all its defaults and bounds', () => {
    for (const { variable, initialText, expects } of Object.values(SETTINGS)) {
      const [, min, max] = /from (\d+) to (\d+)$/.exec(expects) ?? [];
      const plain = /^\d+ \(/.test(initialText) ? initialText.split(' ')[0] : initialText;
      const given = [min, max, variable === 'PARAMD_REPLICA_ID' ? '' : plain].filter((text) => text !== undefined);
      for (const text of given) {
        const own = problemsOf({ ...DATABASE, [variable]: text }).filter((problem) =>
          problem.startsWith(`${variable} must be ${expects}`),
        );
        expect(own).to.deep.equal([]);
      }
    }
  });

  it('has a line for each, and names end in their unit', () => {
    const plain = settingsTable('plain');
    const markdown = settingsTable('markdown').split('\n');
    const variables = Object.values(SETTINGS).map((setting) => setting.variable);
    expect(new Set(variables).size).to.equal(variables.length);
    expect(markdown).to.have.length(variables.length + 2);
    for (const row of markdown) expect(row.split('|')).to.have.length(6);
    for (const setting of Object.values(SETTINGS)) {
      expect(plain).to.contain(`  ${setting.variable}\n`);
      expect(setting.about).to.match(/\.$/);
      if (typeof setting.initial === 'number') {
        expect(setting.variable).to.match(/_(MS|BYTES|HOURS|ENTRIES|CONNECTIONS|PER_SECOND|MAX)$/);
      }
    }
  });
});
