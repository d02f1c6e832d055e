const LEVELS_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * What is wrong with it as one JSON text (RFC 8259) of at most 64 levels; undefined: nothing. Depth is counted first
 * and without recursion, so that no text can exhaust the stack.
 */
export function jsonFault(text: string): string | undefined {
  if (jsonLevels(text) > LEVELS_MAX) return `is nested deeper than ${LEVELS_MAX} levels`;
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return 'is no JSON text (RFC 8259)';
  }
}

/** Deepest nesting of brackets outside of strings. Of text that is no JSON it gives some number. */
function jsonLevels(text: string): number {
  let level = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === BACKSLASH) index++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++level);
    else if (code === 0x5d || code === 0x7d) level--;
  }
  return deepest;
}
