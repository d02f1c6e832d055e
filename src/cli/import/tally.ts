/** What an import did, or would do. */
export interface Tally {
  created: number;
  changed: number;
  unchanged: number;
  deleted: number;
  /** Of the last commit; 0: there was none. */
  revision: bigint;
}

export function newTally(): Tally {
  return { created: 0, changed: 0, unchanged: 0, deleted: 0, revision: 0n };
}

/** "2 created, 1 changed, 0 deleted, 7 unchanged at revision 12" */
export function tallyText({ created, changed, deleted, unchanged, revision }: Tally): string {
  const counts = `${created} created, ${changed} changed, ${deleted} deleted, ${unchanged} unchanged`;
  return revision === 0n ? counts : `${counts} at revision ${revision}`;
}

export function tallyJson(tally: Tally): string {
  return JSON.stringify({ ...tally, revision: String(tally.revision) });
}
