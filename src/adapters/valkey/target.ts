/** Where a Valkey is, as a URL says it. */
export interface ValkeyTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: boolean;
}

const TLS_BY_SCHEME: Readonly<Record<string, boolean>> = {
  'redis:': false,
  'valkey:': false,
  'rediss:': true,
  'valkeys:': true,
};
const PORT_DEFAULT = 6379;

/**
 * `valkey://user:password@host:6379/0`; schemes redis, rediss, valkey, valkeys. Read here and not by the driver, which
 * would take any of its options from the query. Throws on anything else, without repeating the URL: it may hold a password.
 */
export function parseTarget(url: string): ValkeyTarget {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const tls = parsed && TLS_BY_SCHEME[parsed.protocol];
  if (parsed === undefined || tls === undefined || parsed.hostname === '') {
    throw new Error('not a Valkey URL: expected valkey://[user:password@]host[:port][/db], or valkeys, redis, rediss');
  }
  const database = /^\/?(\d{0,4})$/.exec(parsed.pathname)?.[1];
  if (database === undefined || parsed.search !== '' || parsed.hash !== '') {
    throw new Error('not a Valkey URL: after the host only a database number may follow');
  }
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? PORT_DEFAULT : Number(parsed.port),
    username: decoded(parsed.username),
    password: decoded(parsed.password),
    db: Number(database),
    tls,
  };
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}
