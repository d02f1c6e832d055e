import { ServerCredentials } from '@grpc/grpc-js';

/** PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Clients must then show a certificate of this authority. */
  readonly clientCa?: Buffer | undefined;
}

/** TLS whose certificate can be renewed while connections stay: new ones get the new one. */
export class ReloadableCredentials extends ServerCredentials {
  readonly #asksClients: boolean;

  constructor(files: TlsFiles, handshakeMs: number) {
    const asksClients = files.clientCa !== undefined;
    super({ requestCert: asksClients, handshakeTimeout: handshakeMs }, secureContext(files));
    this.#asksClients = asksClients;
  }

  /** @throws if the files would change whether clients must show certificates */
  reload(files: TlsFiles): void {
    if ((files.clientCa !== undefined) !== this.#asksClients) {
      throw new Error('whether clients must show certificates changes only with a restart');
    }
    this.updateSecureContextOptions(secureContext(files));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function secureContext({ cert, key, clientCa }: TlsFiles) {
  return { cert: [cert], key: [key], ca: clientCa, minVersion: 'TLSv1.2' as const };
}
