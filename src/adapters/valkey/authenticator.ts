import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';

export const MAC_BYTES = 16;

/** Tells what this installation has written from everything else that may be found in Valkey (C13). */
export interface Authenticator {
  /** `body` followed by a MAC over the place it is for and itself. */
  seal(place: string, body: Uint8Array): Buffer;
  /** The body, a view of `sealed`; undefined: made elsewhere, for another place, or altered. */
  open(place: string, sealed: Buffer): Buffer | undefined;
}

/** @param purpose separates the keys that are derived from one secret */
export function createAuthenticator(secret: Uint8Array, purpose: string): Authenticator {
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `paramd ${purpose}`, 32)));

  // The place ends at a zero byte, which keys do not have, so that no other split of place and body has the same MAC.
  const mac = (place: string, body: Uint8Array) =>
    createHmac('sha256', key).update(`${place}\0`).update(body).digest().subarray(0, MAC_BYTES);

  return {
    seal: (place, body) => Buffer.concat([body, mac(place, body)]),
    open(place, sealed) {
      if (sealed.length < MAC_BYTES) return undefined;
      const body = sealed.subarray(0, sealed.length - MAC_BYTES);
      return timingSafeEqual(mac(place, body), sealed.subarray(body.length)) ? body : undefined;
    },
  };
}
