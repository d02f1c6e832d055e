// The few pieces of protobuf's wire format that are written by hand, where an encode per call would cost too much.
// All of them write at `at` and return the position behind what they wrote.

/** Of a varint of 64 bits. */
export const VARINT_BYTES_MAX = 10;

export function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest > 0x7f) {
    target[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[position++] = rest;
  return position;
}

const EXACT_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** An int64; negative ones take ten bytes. */
export function writeInt64(target: Buffer, at: number, value: bigint): number {
  if (value >= 0n && value <= EXACT_MAX) return writeVarint(target, at, Number(value));
  let rest = BigInt.asUintN(64, value);
  let position = at;
  while (rest > 0x7fn) {
    target[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[position++] = Number(rest);
  return position;
}

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Text with tag and length. */
export function writeText(target: Buffer, at: number, tag: number, text: string): number {
  target[at] = tag;
  // Most texts are short: one byte for the length is guessed, and put right if the guess was wrong.
  const written = target.write(text, at + 2);
  const lengthBytes = varintBytes(written);
  if (lengthBytes > 1) target.copyWithin(at + 1 + lengthBytes, at + 2, at + 2 + written);
  writeVarint(target, at + 1, written);
  return at + 1 + lengthBytes + written;
}

/** Puts tag and length before the `length` bytes that will follow. */
export function writeLength(target: Buffer, at: number, tag: number, length: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, length);
}

/** Seconds and nanoseconds as in google.protobuf.Duration and Timestamp, with tag and length. For 0n and more. */
export function writeTime(target: Buffer, at: number, tag: number, nanoseconds: bigint): number {
  return writeSeconds(target, at, tag, Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n));
}

/** As writeTime, for less than the 2⁵³ seconds and 10⁹ nanoseconds that both are. */
export function writeSeconds(target: Buffer, at: number, tag: number, seconds: number, nanos: number): number {
  let position = at + 2;
  if (seconds !== 0) {
    target[position++] = 0x08;
    position = writeVarint(target, position, seconds);
  }
  if (nanos !== 0) {
    target[position++] = 0x10;
    position = writeVarint(target, position, nanos);
  }
  target[at] = tag;
  target[at + 1] = position - at - 2;
  return position;
}
