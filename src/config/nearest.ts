/** The candidate that takes the fewest edits to reach; the first of several. */
export function nearest(
  name: string,
  candidates: readonly string[],
): { readonly name: string; readonly edits: number } {
  let best = { name: '', edits: Number.POSITIVE_INFINITY };
  for (const candidate of candidates) {
    const edits = editDistance(name, candidate);
    if (edits < best.edits) best = { name: candidate, edits };
  }
  return best;
}

/** Insertions, deletions and substitutions of a character (Levenshtein), a row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, character] of [...from].entries()) {
    const next = [line + 1];
    for (let column = 1; column <= to.length; column++) {
      const substituted = (row[column - 1] ?? 0) + (character === to[column - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
