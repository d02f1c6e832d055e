// The wire format of protobuf, right or wrong.

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

export function tag(field: number, wireType: number): Buffer {
  return varint((BigInt(field) << 3n) | BigInt(wireType));
}

/** @param length what it says of its length, if that is not true */
export function delimited(field: number, content: Uint8Array | string, length?: number | bigint): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  return Buffer.concat([tag(field, 2), varint(length ?? bytes.length), bytes]);
}

export function number(field: number, value: number | bigint): Buffer {
  return Buffer.concat([tag(field, 0), varint(value)]);
}

/** A message within messages: `numbers` lead to where the content is. */
export function nested(numbers: readonly number[], content: Buffer): Buffer {
  return numbers.toReversed().reduce((inner, field) => delimited(field, inner), content);
}
