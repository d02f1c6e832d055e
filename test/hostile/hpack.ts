// HPACK (RFC 7541), as much as it takes to send whatever header one likes, and to read what nghttp2 answers to a client
// that allows no dynamic table.

export type Header = readonly [name: string, value: string];

/** Without Huffman codes and tables: every byte as it is given. */
export function encodeHeaders(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** An integer of HPACK behind a prefix of so many bits; `first` has the bits before it. */
export function integer(value: number, bits: number, first = 0): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** Names of the static table are not told apart, but for `:status`. */
export function decodeHeaders(block: Buffer): Header[] {
  const headers: Header[] = [];
  let at = 0;
  const number = (bits: number): number => {
    const most = 2 ** bits - 1;
    let value = block[at++]! & most;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = block[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const string = (): string => {
    const isHuffman = block[at]! >= 0x80;
    const length = number(7);
    const bytes = block.subarray(at, at + length);
    at += length;
    return isHuffman ? huffmanText(bytes) : bytes.toString('latin1');
  };
  const nameOf = (index: number): string => (index === 0 ? string() : index === 8 ? ':status' : `static ${index}`);
  while (at < block.length) {
    const first = block[at]!;
    if (first >= 0x80) {
      const index = number(7);
      headers.push([index >= 8 && index <= 14 ? ':status' : `static ${index}`, STATUSES[index - 8] ?? '']);
    } else if (first >= 0x40) {
      const name = nameOf(number(6));
      headers.push([name, string()]);
    } else if (first >= 0x20) number(5);
    else {
      const name = nameOf(number(4));
      headers.push([name, string()]);
    }
  }
  return headers;
}

const STATUSES = ['200', '204', '206', '304', '400', '404', '500'];

/** How many bits the code of each byte has, in base 36. The codes follow: by length, then by byte. The last one is EOS. */
const CODE_BITS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u';

const CODES: ReadonlyMap<string, number> = (() => {
  const bits = [...CODE_BITS].map((digit) => Number.parseInt(digit, 36));
  const bytes = bits.map((_, byte) => byte).sort((one, other) => bits[one]! - bits[other]! || one - other);
  const codes = new Map<string, number>();
  let code = 0;
  let length = bits[bytes[0]!]!;
  for (const byte of bytes) {
    code *= 2 ** (bits[byte]! - length);
    length = bits[byte]!;
    codes.set(code.toString(2).padStart(length, '0'), byte);
    code += 1;
  }
  return codes;
})();

function huffmanText(bytes: Buffer): string {
  let code = '';
  let decoded = '';
  for (const bit of [...bytes].flatMap((byte) => [...byte.toString(2).padStart(8, '0')])) {
    code += bit;
    const byte = CODES.get(code);
    if (byte === undefined) continue;
    decoded += String.fromCharCode(byte);
    code = '';
  }
  return decoded;
}
