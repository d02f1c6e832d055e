import { randomBytes } from 'node:crypto';
import { Value } from '../../../gen/parameter/v1/parameter.ts';
import { openPostgresStore } from '../../../src/adapters/postgres/open-postgres-store.ts';
import type { SetOperation, Write } from '../../../src/model/write.ts';
import { text } from '../../e2e/rpc.ts';
import type { TestServer } from '../../support/servers.ts';
import type { Site } from '../site.ts';

const KEYS = 10;

/**
 * Writes to a server that no replica knows as the primary, as another installation of paramd would that was led to it:
 * keys of the traffic, one revision each.
 */
export async function writeApart(site: Site, to: TestServer, revisions: number): Promise<void> {
  const store = await openPostgresStore({ connection: to.url });
  try {
    let head = await store.readHead();
    if (head.incarnation !== head.epoch.incarnation) head = await store.startEpoch(head.epoch, head.revision);
    const epochId = head.epoch.id;
    for (let count = 0; count < revisions; count++) {
      const key = `chaos:0:0${count % KEYS}`;
      const value = `apart ${to.port} ${count}`;
      site.traffic.setsApart(key, value);
      const batch = { id: randomBytes(16).toString('hex'), writes: [write(set(key, value))] };
      await store.commit(batch, { epochId, applied: 0n, batchIdAtApplied: '' });
    }
  } finally {
    await store.close();
  }
}

function set(key: string, value: string): SetOperation {
  const encoded = Value.encode(text(value)).finish();
  return {
    type: 'set',
    key,
    value: { kind: 'string_value', encoded },
    labels: new Map(),
    removeLabels: [],
    allowKindChange: false,
  };
}

function write(operation: SetOperation): Write {
  return {
    conditions: [],
    operations: [operation],
    requestId: '',
    principal: '',
    actor: 'apart',
    contentHash: new Uint8Array(32),
    validateOnly: false,
  };
}
