// Tells a retry from another request with the same request_id. The naive hash is over the request's bytes; but encoders
// may order maps anew each time (Go's does), and a proxy may encode again. So the hash is over the fields, in one order.
import { createHash, type Hash } from 'node:crypto';
import type { Operation, SetOperation, Write } from '../../model/write.ts';

const NOT_REMEMBERED = new Uint8Array(32);

/** 32 bytes over all that a write asks; without a request id nobody will compare, and they are zeros. */
export function contentHash(
  method: 'set' | 'delete' | 'commit',
  write: Pick<Write, 'conditions' | 'operations' | 'validateOnly' | 'requestId'>,
): Uint8Array {
  if (write.requestId === '') return NOT_REMEMBERED;
  const hash = createHash('sha256');
  put(hash, 'paramd content 1', method, String(write.validateOnly), String(write.conditions.length));
  for (const { key, ifRevision } of write.conditions) put(hash, key, String(ifRevision));
  for (const operation of write.operations) putOperation(hash, operation);
  return hash.digest();
}

function putOperation(hash: Hash, operation: Operation): void {
  put(hash, operation.type, operation.key, String(operation.ifRevision));
  if (operation.type === 'delete') put(hash, String(operation.allowMissing));
  else putSet(hash, operation);
}

function putSet(hash: Hash, operation: SetOperation): void {
  put(hash, operation.value?.kind ?? '', operation.value?.encoded ?? '');
  put(hash, String(operation.cacheTtlNs), String(operation.allowKindChange), String(operation.labels.size));
  for (const [name, text] of [...operation.labels].sort(([one], [other]) => (one < other ? -1 : 1))) {
    put(hash, name, text);
  }
  put(hash, String(operation.removeLabels.length), ...operation.removeLabels);
}

/** Each part with its length before it, so that no two lists of parts give the same bytes. */
function put(hash: Hash, ...parts: readonly (string | Uint8Array)[]): void {
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
}
