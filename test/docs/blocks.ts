import { page } from './pages.ts';

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Of the opening fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** It stands behind `<!-- mark … -->`. */
  readonly mark: string | undefined;
}

export function blocks(name: string): readonly Block[] {
  const text = page(name);
  const fenced = text.matchAll(/^(?:<!-- (?<mark>\w+).*-->\n)?(?<fence>```(?<language>\w*)\n)(?<text>[\s\S]*?)^```$/gm);
  return [...fenced].map(({ index, groups = {} }) => ({
    page: name,
    line: text.slice(0, text.indexOf(groups.fence!, index)).split('\n').length,
    language: groups.language!,
    text: groups.text!,
    mark: groups.mark,
  }));
}

/** The text of the one block that begins so. snippets.test.ts looks for these calls: pass literals. */
export function block(name: string, beginning: string): string {
  const found = blocks(name).filter(({ text }) => text.startsWith(beginning));
  if (found.length !== 1) throw new Error(`${name} has ${found.length} blocks that begin with: ${beginning}`);
  return found[0]!.text;
}

/** What such a block says to type: its lines, joined where one ends in a backslash or within quotes. */
export function commands(text: string): readonly string[] {
  const joined = text
    .replaceAll(/ \\\n\s*/g, ' ')
    .replaceAll(/'[^']*'/g, (quoted) => quoted.replaceAll(/\s*\n\s*/g, ' '));
  return joined.split('\n').filter((line) => line !== '');
}
