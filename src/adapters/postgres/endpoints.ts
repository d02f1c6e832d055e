import type { ClientConfig } from 'pg';

/**
 * A connection string (several hosts separated by commas: the primary among them is looked for), or what libpq's PG*
 * variables name. What is left out, pg takes from PG* itself.
 */
export type PostgresConnection = string | PostgresFields;

export interface PostgresFields {
  /** Several separated by commas. */
  readonly host?: string | undefined;
  /** One for all hosts, or one for each, separated by commas. */
  readonly port?: string | number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
  readonly ssl?: ClientConfig['ssl'];
}

/** The servers that may be the primary, and which one is taken to be it at present. */
export interface Endpoints {
  readonly count: number;
  current(): ClientConfig;
  /** This one is not it, or not there: the next connection goes to the next one. */
  gone(endpoint: ClientConfig): void;
}

export function endpointsOf(connection: PostgresConnection): Endpoints {
  const all = typeof connection === 'string' ? ofString(connection) : ofFields(connection);
  let index = 0;
  return {
    count: all.length,
    current: () => all[index]!,
    gone: (endpoint) => {
      if (endpoint === all[index]) index = (index + 1) % all.length;
    },
  };
}

function ofString(url: string): ClientConfig[] {
  const [, scheme = '', hosts = '', rest = ''] = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^/?]*)(.*)$/.exec(url) ?? [];
  if (scheme === '') return [{ connectionString: url }];
  const [path = '', query = ''] = rest.split('?', 2);
  const parameters = new URLSearchParams(query);
  // Else it would replace what the lane sets.
  const options = parameters.get('options') ?? '';
  parameters.delete('options');
  const tail = parameters.size > 0 ? `${path}?${parameters}` : path;
  return hosts.split(',').map((host) => ({ connectionString: `${scheme}${host}${tail}`, options }));
}

function ofFields({ host, port, ...others }: PostgresFields): ClientConfig[] {
  const ports = String(port ?? '').split(',');
  return (host ?? '').split(',').map((name, index) => {
    const number = Number(ports[index] ?? ports[0]);
    const endpoint = { ...others, ...(name && { host: name }), ...(number && { port: number }) };
    return Object.fromEntries(Object.entries(endpoint).filter(([, field]) => field !== undefined));
  });
}
