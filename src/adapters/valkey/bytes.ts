/** Writes what ByteReader reads. All numbers are big-endian. */
export class ByteWriter {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.raw(Buffer.of(value));
  }

  u16(value: number): this {
    const chunk = Buffer.allocUnsafe(2);
    chunk.writeUInt16BE(value);
    return this.raw(chunk);
  }

  u64(value: bigint): this {
    const chunk = Buffer.allocUnsafe(8);
    chunk.writeBigUInt64BE(value);
    return this.raw(chunk);
  }

  /** At most 64 KiB of UTF-8, with its length. */
  text(value: string): this {
    const chunk = Buffer.from(value);
    return this.u16(chunk.length).raw(chunk);
  }

  /** With its length. */
  bytes(value: Uint8Array): this {
    const chunk = Buffer.allocUnsafe(4);
    chunk.writeUInt32BE(value.length);
    return this.raw(chunk).raw(value);
  }

  raw(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#chunks, this.#length);
  }
}

/** Every method throws RangeError where the bytes end too early. */
export class ByteReader {
  readonly #from: Buffer;
  #at = 0;

  constructor(from: Buffer) {
    this.#from = from;
  }

  u8(): number {
    return this.raw(1)[0]!;
  }

  u16(): number {
    return this.raw(2).readUInt16BE();
  }

  u64(): bigint {
    return this.raw(8).readBigUInt64BE();
  }

  text(): string {
    return this.raw(this.u16()).toString('utf8');
  }

  /** A copy: a view would keep all of the message. */
  bytes(): Uint8Array {
    return new Uint8Array(this.raw(this.raw(4).readUInt32BE()));
  }

  raw(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#from.length) throw new RangeError('the bytes end too early');
    const view = this.#from.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  end(): void {
    if (this.#at !== this.#from.length) throw new RangeError('there are bytes behind the end');
  }
}
