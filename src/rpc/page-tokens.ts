import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { PageCursor } from '../core/api.ts';

const FORMAT = 1;
const HEADER_BYTES = 10;
const MAC_BYTES = 16;
/** A token holds a key of at most 512 bytes. */
const TOKEN_CHARACTERS_MAX = Math.ceil(((HEADER_BYTES + 512 + MAC_BYTES) * 4) / 3);
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Makes the place in a listing opaque, authentic and bound to the listing. Any replica opens what another one sealed. */
export interface PageTokens {
  seal(cursor: PageCursor, prefix: string, keysOnly: boolean): string;
  /** Undefined: not a token of a listing with this prefix and keysOnly. */
  open(token: string, prefix: string, keysOnly: boolean): PageCursor | undefined;
}

/** @param secret the installation's, 32 bytes; only a key derived from it is used */
export function pageTokens(secret: Uint8Array): PageTokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'paramd page token', 32));

  const macOf = (content: Buffer, prefix: string): Buffer =>
    createHmac('sha256', key).update(prefix).update('\0').update(content).digest().subarray(0, MAC_BYTES);

  return {
    seal({ revision, after }, prefix, keysOnly) {
      const header = Buffer.alloc(HEADER_BYTES);
      header[0] = FORMAT;
      header[1] = keysOnly ? 1 : 0;
      header.writeBigInt64BE(revision, 2);
      const content = Buffer.concat([header, Buffer.from(after)]);
      return Buffer.concat([content, macOf(content, prefix)]).toString('base64url');
    },
    open(token, prefix, keysOnly) {
      if (token.length > TOKEN_CHARACTERS_MAX || !BASE64URL.test(token)) return undefined;
      const sealed = Buffer.from(token, 'base64url');
      if (sealed.length <= HEADER_BYTES + MAC_BYTES) return undefined;
      const content = sealed.subarray(0, -MAC_BYTES);
      if (!timingSafeEqual(sealed.subarray(-MAC_BYTES), macOf(content, prefix))) return undefined;
      if (content[0] !== FORMAT || content[1] !== (keysOnly ? 1 : 0)) return undefined;
      return { revision: content.readBigInt64BE(2), after: content.toString('utf8', HEADER_BYTES) };
    },
  };
}
