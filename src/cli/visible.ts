/** Control characters, separators of lines and paragraphs, and what turns the direction of writing. */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text on one line, or on its own ones, with nothing in it that a terminal would obey or reorder. */
export function visible(text: string, lines: 'one line' | 'keep lines' = 'one line'): string {
  return text.replace(OBEYED, (character) => {
    if (lines === 'keep lines' && (character === '\n' || character === '\t')) return character;
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
