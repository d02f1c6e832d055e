/** A slip that a developer could make, to be put back into the sources for one run: the simulation has to find it. */
export interface Mistake {
  readonly name: string;
  /** What is wrong, and why it looks right. */
  readonly slip: string;
  /** What no longer holds: "C5", "C10". */
  readonly breaks: readonly string[];
  /** More than one where a second guard would make the slip harmless: then `slip` says so. */
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** Below src/. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** The source of a file with the edits that concern it. @throws Error if a fragment is not there exactly once */
export function putBack({ name, edits }: Mistake, file: string, source: string): string {
  let mistaken = source;
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const times = mistaken.split(find).length - 1;
    if (times !== 1) throw new Error(`the mistake "${name}": this occurs ${times} times in src/${file}:\n${find}`);
    mistaken = mistaken.replace(find, () => replace);
  }
  return mistaken;
}

export function filesOf({ edits }: Mistake): readonly string[] {
  return [...new Set(edits.map(({ file }) => file))];
}
