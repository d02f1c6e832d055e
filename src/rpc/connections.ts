import type { ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../ports/clock.ts';
import { type BaseCall, sessionOf } from './transport.ts';

/** What is remembered of one client connection. */
export interface Connection {
  /** "10.0.0.7:51234" */
  readonly peer: string;
  /** Whom the client certificate names; empty: no certificate was verified. */
  readonly principal: string;
  watches: number;
  /** Of large answers that the client has not taken yet. */
  unreadBytes: number;
  /** Calls that may still come at once, under a rate limit. */
  tokens: number;
  tokensAtMs: number;
}

const NAME_CHARACTERS_MAX = 256;
const GONE: Connection = { peer: 'unknown', principal: '', watches: 0, unreadBytes: 0, tokens: 0, tokensAtMs: 0 };

/** @param burst calls that a new connection may make at once */
export function connections(clock: Clock, burst: number): (base: Pick<BaseCall, 'stream'>) => Connection {
  const known = new WeakMap<ServerHttp2Session, Connection>();
  return (base) => {
    const session = sessionOf(base);
    if (session === undefined) return { ...GONE };
    let connection = known.get(session);
    if (connection === undefined) {
      const { peer, principal } = identify(session);
      connection = { peer, principal, watches: 0, unreadBytes: 0, tokens: burst, tokensAtMs: clock.monotonicMs() };
      known.set(session, connection);
    }
    return connection;
  };
}

function identify(session: ServerHttp2Session): { peer: string; principal: string } {
  if (session.destroyed) return GONE;
  const { socket } = session;
  const peer = `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
  return { peer, principal: socket instanceof TLSSocket && socket.authorized ? principalOf(socket) : '' };
}

/** The common name; without one, the first of the alternative names: "URI:spiffe://…", "DNS:…". */
function principalOf(socket: TLSSocket): string {
  const certificate = socket.getPeerCertificate();
  const commonName: string | string[] | undefined = certificate.subject?.CN;
  const name = Array.isArray(commonName) ? commonName[0] : commonName;
  return printable(name ?? certificate.subjectaltname?.split(', ')[0] ?? '');
}

/** Without control characters, and not longer than a name may be. */
export function printable(name: string): string {
  return name
    .toWellFormed()
    .replace(/\p{Cc}/gu, '')
    .slice(0, NAME_CHARACTERS_MAX)
    .toWellFormed();
}
