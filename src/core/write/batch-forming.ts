import { BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, type Write } from '../../model/write.ts';

/**
 * What a batch has taken in already, and so what it cannot take any more: the store judges all of its writes against the
 * state before the batch. A key written twice, or written and a condition of another write, would break that (write
 * skew), and a request id that repeats could not be told from its first.
 */
export class BatchForming {
  readonly writes: Write[] = [];
  readonly #written = new Set<string>();
  readonly #conditions = new Set<string>();
  readonly #requests = new Set<string>();
  /** Operations and conditions: each may take room in the store's answer. */
  #parts = 0;
  #bytes = 0;

  /** Any write fits into an empty batch. */
  fits(write: Write): boolean {
    if (this.writes.length === 0) return true;
    if (this.#parts + partsOf(write) > BATCH_OPERATIONS_MAX) return false;
    if (this.#bytes + writeBytes(write) > BATCH_BYTES_MAX) return false;
    if (write.requestId !== '' && this.#requests.has(requestOf(write))) return false;
    return (
      write.operations.every(({ key }) => !this.#written.has(key) && !this.#conditions.has(key)) &&
      write.conditions.every(({ key }) => !this.#written.has(key))
    );
  }

  take(write: Write): void {
    this.writes.push(write);
    for (const { key } of write.operations) this.#written.add(key);
    for (const { key } of write.conditions) this.#conditions.add(key);
    if (write.requestId !== '') this.#requests.add(requestOf(write));
    this.#parts += partsOf(write);
    this.#bytes += writeBytes(write);
  }
}

function partsOf(write: Write): number {
  return write.operations.length + write.conditions.length;
}

function requestOf(write: Write): string {
  return `${write.principal}\n${write.requestId}`;
}

export function writeBytes(write: Write): number {
  let bytes = 128 + write.conditions.length * 64;
  for (const operation of write.operations) {
    bytes += 64 + operation.key.length * 3;
    if (operation.type === 'delete') continue;
    bytes += operation.value?.encoded.length ?? 0;
    for (const [name, text] of operation.labels) bytes += (name.length + text.length) * 3;
  }
  return bytes;
}
