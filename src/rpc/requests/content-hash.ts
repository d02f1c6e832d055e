// Tells a retry from another request with the same request_id. The naive hash is over the request's bytes; but encoders
// may order maps anew each time (Go's does), and a proxy may encode again. So the hash is over the fields, in one order.
// They are put together first: to hash them one by one takes twice as long, 4 µs more for each write.
import { hash } from 'node:crypto';
import type { Operation, SetOperation, Write } from '../../model/write.ts';

const NOT_REMEMBERED = new Uint8Array(32);

type Part = string | Uint8Array;

/** 32 bytes over all that a write asks; without a request id nobody will compare, and they are zeros. */
export function contentHash(
  method: 'set' | 'delete' | 'commit',
  write: Pick<Write, 'conditions' | 'operations' | 'validateOnly' | 'requestId'>,
): Uint8Array {
  if (write.requestId === '') return NOT_REMEMBERED;
  const parts: Part[] = ['paramd content 1', method, String(write.validateOnly), String(write.conditions.length)];
  for (const { key, ifRevision } of write.conditions) parts.push(key, String(ifRevision));
  for (const operation of write.operations) addOperation(parts, operation);
  return hash('sha256', joined(parts), 'buffer');
}

function addOperation(parts: Part[], operation: Operation): void {
  parts.push(operation.type, operation.key, String(operation.ifRevision));
  if (operation.type === 'delete') parts.push(String(operation.allowMissing));
  else addSet(parts, operation);
}

function addSet(parts: Part[], operation: SetOperation): void {
  parts.push(operation.value?.kind ?? '', operation.value?.encoded ?? '');
  parts.push(String(operation.cacheTtlNs), String(operation.allowKindChange), String(operation.labels.size));
  for (const [name, text] of [...operation.labels].sort(([one], [other]) => (one < other ? -1 : 1))) {
    parts.push(name, text);
  }
  parts.push(String(operation.removeLabels.length), ...operation.removeLabels);
}

/** Each part with its length before it, so that no two lists of parts give the same bytes. */
function joined(parts: readonly Part[]): Buffer {
  let bytesMax = 0;
  for (const part of parts) bytesMax += 4 + (typeof part === 'string' ? part.length * 3 : part.length);
  const bytes = Buffer.allocUnsafe(bytesMax);
  let at = 0;
  for (const part of parts) {
    const start = at + 4;
    if (typeof part === 'string') at = start + bytes.write(part, start);
    else {
      bytes.set(part, start);
      at = start + part.length;
    }
    bytes.writeUInt32BE(at - start, start - 4);
  }
  return bytes.subarray(0, at);
}
