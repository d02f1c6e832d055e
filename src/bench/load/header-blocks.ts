/** In HTTP/2's table of known headers. */
const POST = 0x83;
const PLAIN = 0x86;
/** The first place behind that table: the header that was told last. */
const NEWEST = 62;
const TELL_AND_REMEMBER = 0x40;
const REMEMBERED = 0x80;

/** The headers of calls on one connection, as bytes: each is told once, then named by its place, as other clients do. */
export class HeaderBlocks {
  readonly #told: string[] = [];
  readonly #blocks = new Map<string, Buffer>();
  readonly #common: readonly (readonly [string, string])[];

  constructor(authority: string) {
    this.#common = [
      [':authority', authority],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['user-agent', 'paramd-bench'],
    ];
  }

  /** @param timeout such as 30S; undefined: none */
  block(path: string, timeout: string | undefined): Buffer {
    const name = `${path} ${timeout}`;
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const toldBefore = this.#told.length;
    const [authority, ...others] = this.#common;
    const headers = [
      [':path', path],
      authority!,
      ...others,
      ...(timeout === undefined ? [] : [['grpc-timeout', timeout]]),
    ];
    const block = Buffer.concat([
      Buffer.from([POST, PLAIN]),
      ...headers.map(([key, value]) => this.#field(key!, value!)),
    ]);
    // Whatever is told moves all places.
    if (this.#told.length > toldBefore) this.#blocks.clear();
    else this.#blocks.set(name, block);
    return block;
  }

  #field(name: string, value: string): Buffer {
    const field = `${name}: ${value}`;
    const at = this.#told.indexOf(field);
    if (at !== -1) return Buffer.from([REMEMBERED | (NEWEST + this.#told.length - 1 - at)]);
    this.#told.push(field);
    return Buffer.concat([Buffer.from([TELL_AND_REMEMBER]), text(name), text(value)]);
  }
}

function text(ascii: string): Buffer {
  if (ascii.length > 126) throw new RangeError(`a header of the benchmark is too long: ${ascii}`);
  return Buffer.concat([Buffer.from([ascii.length]), Buffer.from(ascii, 'latin1')]);
}
