const HIGHEST = 0x10ffff;
const SURROGATES_FIRST = 0xd800;
const SURROGATES_LAST = 0xdfff;

/**
 * The least key behind all keys with this prefix; undefined: there is none, nothing bounds them.
 * By code point: UTF-8 sorts by code point, while the bytewise successor of ÿ would be no UTF-8.
 */
export function prefixSuccessor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === HIGHEST) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  const next = last + 1 === SURROGATES_FIRST ? SURROGATES_LAST + 1 : last + 1;
  return String.fromCodePoint(...points, next);
}
