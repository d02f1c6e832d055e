import { nearest } from './nearest.ts';
import type { Setting } from './setting.ts';
import { SETTINGS } from './settings.ts';

type Settings = typeof SETTINGS;
type Name = keyof Settings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** Every setting under its name, frozen. Times in ms, sizes in bytes, as the names say. */
export type Config = { readonly [N in Name]: ValueOf<Settings[N]> } & {
  /** No PostgreSQL was named, and the caller allows one of its own. */
  readonly embedded: boolean;
};

export interface LoadOptions {
  /** `paramd dev` brings its own PostgreSQL; `paramd serve` never does, so that a misspelt variable yields no empty one. */
  readonly embeddedAllowed: boolean;
}

/** All that is wrong with the environment, together. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Belongs to the tests of paramd, which find their servers by it. */
const TEST_PREFIX = 'PARAMD_TEST_';
/** Read by the client commands; a shell that has them may start a replica too. */
export const CLIENT_VARIABLES: readonly string[] = [
  'PARAMD_BENCH_ETCD',
  'PARAMD_TARGET',
  'PARAMD_TARGET_TLS',
  'PARAMD_TARGET_CA_FILE',
  'PARAMD_TARGET_CERT_FILE',
  'PARAMD_TARGET_KEY_FILE',
  'PARAMD_TARGET_SERVER_NAME',
  'PARAMD_ACTOR',
];
const SHOWN_CHARACTERS_MAX = 60;
/** So few wrong characters in the name of an unrelated variable make it a likely misspelling. */
const MISSPELLING_EDITS_MAX = 2;

/**
 * A variable that is empty counts as not set.
 * @throws ConfigError
 */
export function loadConfig(env: NodeJS.ProcessEnv, { embeddedAllowed }: LoadOptions): Config {
  const problems = unknownVariables(env);
  const values: Partial<Record<Name, unknown>> = {};
  for (const name of Object.keys(SETTINGS) as Name[]) values[name] = read(SETTINGS[name], env, problems);

  const named = isSet(env, 'DATABASE_URL') || isSet(env, 'PGHOST');
  if (!named && !embeddedAllowed) problems.push(noDatabase(env));
  const config = { ...values, embedded: !named } as Config;
  problems.push(...contradictions(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** What is allowed but deserves a warning at start. */
export function warnings(config: Config): string[] {
  const { listen, httpListen } = config;
  return [
    !isLoopback(listen.host) && config.tlsCertFile === undefined
      ? 'PARAMD_LISTEN is open to other machines without TLS: anyone who reaches it can read and change every parameter'
      : undefined,
    !isLoopback(httpListen.host)
      ? 'PARAMD_HTTP_LISTEN is open to other machines: anyone who reaches it can read the metrics'
      : undefined,
  ].filter((warning) => warning !== undefined);
}

function read(setting: Setting<unknown>, env: NodeJS.ProcessEnv, problems: string[]): unknown {
  const given = env[setting.variable];
  if (given === undefined || given === '') return Object.freeze(setting.initial);
  const value = setting.parse(given);
  if (value !== undefined) return Object.freeze(value);
  problems.push(`${setting.variable} must be ${setting.expects}${shown(setting, given)}`);
  return setting.initial;
}

/** A URL may hold a password even when it is wrong. */
function shown(setting: Setting<unknown>, given: string): string {
  if (setting.variable.endsWith('_URL')) return '';
  return `, not ${JSON.stringify(given.length > SHOWN_CHARACTERS_MAX ? `${given.slice(0, SHOWN_CHARACTERS_MAX)}…` : given)}`;
}

function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [...Object.values<Setting<unknown>>(SETTINGS).map((setting) => setting.variable), ...CLIENT_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith('PARAMD_') && !name.startsWith(TEST_PREFIX) && !known.includes(name))
    .sort()
    .map((name) => `${name} is not a setting; the nearest is ${nearest(name, known).name}`);
}

function noDatabase(env: NodeJS.ProcessEnv): string {
  const misspelt = Object.keys(env).find(
    (name) => nearest(name, ['DATABASE_URL', 'PGHOST']).edits <= MISSPELLING_EDITS_MAX,
  );
  return `DATABASE_URL or PGHOST must be set${misspelt === undefined ? '' : `; is ${misspelt} a misspelling?`}`;
}

/** Settings that are fine by themselves but not together. */
function contradictions(config: Config): string[] {
  const rules: readonly (readonly [broken: boolean, problem: string])[] = [
    [
      (config.tlsCertFile === undefined) !== (config.tlsKeyFile === undefined),
      'PARAMD_TLS_CERT_FILE and PARAMD_TLS_KEY_FILE must be set together',
    ],
    [
      config.tlsClientCaFile !== undefined && config.tlsCertFile === undefined,
      'PARAMD_TLS_CLIENT_CA_FILE needs PARAMD_TLS_CERT_FILE and PARAMD_TLS_KEY_FILE',
    ],
    [
      config.pollIntervalMs * 2 > config.maxStalenessMs,
      'PARAMD_POLL_INTERVAL_MS must be at most half of PARAMD_MAX_STALENESS_MS, or the bound lapses between polls',
    ],
    [
      config.idlePollIntervalMs < config.pollIntervalMs,
      'PARAMD_IDLE_POLL_INTERVAL_MS must not be below PARAMD_POLL_INTERVAL_MS',
    ],
    [
      config.watchesPerConnectionMax >= config.streamsPerConnectionMax,
      'PARAMD_WATCHES_PER_CONNECTION_MAX must be below PARAMD_STREAMS_PER_CONNECTION_MAX, so that calls get through beside watches',
    ],
    [
      config.keepaliveTimeoutMs > config.keepaliveMs,
      'PARAMD_KEEPALIVE_TIMEOUT_MS must not be above PARAMD_KEEPALIVE_MS',
    ],
    [
      config.connectionAgeGraceMs < config.unaryTimeoutMs,
      'PARAMD_CONNECTION_AGE_GRACE_MS must not be below PARAMD_UNARY_TIMEOUT_MS, or calls in flight are cut off',
    ],
  ];
  return rules.filter(([broken]) => broken).map(([, problem]) => problem);
}

function isSet(env: NodeJS.ProcessEnv, variable: string): boolean {
  return (env[variable] ?? '') !== '';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
