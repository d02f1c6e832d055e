import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { connect, type ParamdClient, ParamdRpcError, type TlsSettings } from '../client/index.ts';
import { EXIT, Failure, failureOfCall } from './failure.ts';
import type { Io } from './io.ts';
import { milliseconds } from './options.ts';

const TARGET_DEFAULT = '127.0.0.1:50051';

export interface ConnectionOptions {
  readonly target?: string;
  readonly timeout?: number;
  readonly actor?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
}

/** Where to, and as whom. */
export function withConnection(command: Command): Command {
  return command
    .optionsGroup('Connection:')
    .option('--target <host:port>', `whom to ask (default: PARAMD_TARGET, else ${TARGET_DEFAULT})`)
    .option('--timeout <duration>', 'how long each call may take (default: 5s)', milliseconds)
    .option('--actor <name>', 'recorded as updated_by (default: PARAMD_ACTOR, else the user name)')
    .option('--tls', "TLS with the system's authorities; the next four imply it (default: PARAMD_TARGET_TLS=true)")
    .option('--tls-ca <file>', "authority of the server's certificate (default: PARAMD_TARGET_CA_FILE)")
    .option('--tls-cert <file>', 'own certificate, for servers that demand one (default: PARAMD_TARGET_CERT_FILE)')
    .option('--tls-key <file>', 'and its key (default: PARAMD_TARGET_KEY_FILE)')
    .option(
      '--tls-server-name <name>',
      "in the server's certificate (default: PARAMD_TARGET_SERVER_NAME, the target's)",
    )
    .optionsGroup('Options:');
}

/**
 * Runs with a client and closes it. The signal aborts at Ctrl-C.
 * @throws Failure
 */
export async function withClient(
  io: Io,
  options: ConnectionOptions,
  action: (client: ParamdClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const target = options.target ?? (io.env.PARAMD_TARGET || TARGET_DEFAULT);
  const signal = io.interrupted();
  const client = open(io, target, options);
  try {
    await action(client, signal);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (signal.aborted) throw new Failure(EXIT.interrupted, '', { cause: error });
    throw error instanceof ParamdRpcError ? failureOfCall(error, target) : error;
  } finally {
    client.close();
  }
}

function open(io: Io, target: string, options: ConnectionOptions): ParamdClient {
  try {
    return connect({
      target,
      tls: tlsOf(io, options),
      timeoutMs: options.timeout,
      actor: options.actor ?? actorOf(io),
    });
  } catch (error) {
    throw new Failure(EXIT.usage, (error as Error).message, { cause: error });
  }
}

/** Not by the names of the server's own TLS settings: a replica and its health check share an environment. */
function tlsOf({ env }: Io, options: ConnectionOptions): TlsSettings | undefined {
  const ca = options.tlsCa ?? (env.PARAMD_TARGET_CA_FILE || undefined);
  const cert = options.tlsCert ?? (env.PARAMD_TARGET_CERT_FILE || undefined);
  const key = options.tlsKey ?? (env.PARAMD_TARGET_KEY_FILE || undefined);
  const serverName = options.tlsServerName ?? (env.PARAMD_TARGET_SERVER_NAME || undefined);
  const asked = options.tls ?? isTrue('PARAMD_TARGET_TLS', env.PARAMD_TARGET_TLS);
  if (!asked && [ca, cert, key, serverName].every((given) => given === undefined)) return undefined;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError('--tls-cert and --tls-key go together (PARAMD_TARGET_CERT_FILE and PARAMD_TARGET_KEY_FILE)');
  }
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  return { ca: read(ca), cert: read(cert), key: read(key), serverName };
}

function isTrue(name: string, text = ''): boolean {
  if (text === 'true') return true;
  if (text === '' || text === 'false') return false;
  throw new TypeError(`${name} must be true or false, not "${text}"`);
}

/** The user's name cannot be refused by those who do not know that it is sent, so it is left out where it does not fit. */
function actorOf(io: Io): string | undefined {
  if (io.env.PARAMD_ACTOR) return io.env.PARAMD_ACTOR;
  const user = io.env.USER ?? io.env.USERNAME ?? '';
  return /^[\x21-\x7e]{1,256}$/.test(user) ? user : undefined;
}
