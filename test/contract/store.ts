import { historyContract } from './store-history.ts';
import { readsContract } from './store-reads.ts';
import type { OpenSubject } from './store-subject.ts';
import { writesContract } from './store-writes.ts';

/** What every store has to keep. */
export function storeContract(name: string, open: OpenSubject): void {
  describe(`${name} as a store`, () => {
    describe('writes', () => writesContract(open));
    describe('reads', () => readsContract(open));
    describe('history', () => historyContract(open));
  });
}
