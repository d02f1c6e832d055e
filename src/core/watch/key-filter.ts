/** Which keys a watch is about. */
export interface KeyFilter {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
}

/** Part of the key space: one key, or everything with a prefix. */
export type KeyRange = { readonly key: string } | { readonly prefix: string };

/**
 * The filter as ranges in the order of keys that do not overlap: a key or prefix inside another prefix is dropped.
 * Reading them one after the other gives every matching key once, in order.
 */
export function rangesOf(filter: KeyFilter): readonly KeyRange[] {
  const prefixes = [...new Set(filter.prefixes)].filter(
    (prefix, _at, all) => !all.some((other) => other !== prefix && prefix.startsWith(other)),
  );
  const keys = [...new Set(filter.keys)].filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
  const ranges: { start: string; range: KeyRange }[] = [
    ...prefixes.map((prefix) => ({ start: prefix, range: { prefix } })),
    ...keys.map((key) => ({ start: key, range: { key } })),
  ];
  return ranges.sort((a, b) => compareKeys(a.start, b.start)).map(({ range }) => range);
}

/** By code points, which is the order of UTF-8 bytes and not that of UTF-16 units. */
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const a = one.charCodeAt(at);
    const b = other.charCodeAt(at);
    if (a === b) continue;
    const aSurrogate = a >= 0xd800 && a <= 0xdfff;
    const bSurrogate = b >= 0xd800 && b <= 0xdfff;
    return aSurrogate === bSurrogate ? a - b : aSurrogate ? 1 : -1;
  }
  return one.length - other.length;
}
