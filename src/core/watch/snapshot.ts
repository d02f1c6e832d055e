import type { Parameter } from '../../model/parameter.ts';
import type { Head } from '../../model/revision.ts';
import type { WatchBatch } from '../api.ts';
import type { Listing } from '../listing.ts';
import { type KeyFilter, type KeyRange, rangesOf } from './key-filter.ts';

const PAGE_PARAMETERS_MAX = 1000;
const PAGE_BYTES_MAX = 1 << 20;

/** The state of what a filter matches, in the order of keys, as of one head, which it returns at the end. */
export async function* snapshot(listing: Listing, filter: KeyFilter): AsyncGenerator<WatchBatch, Head> {
  let asOf: Head | undefined;
  for (const range of rangesOf(filter)) {
    for (let after: string | undefined, more = true; more; ) {
      const page = await listing.read({
        prefix: 'key' in range ? range.key : range.prefix,
        after,
        asOf: asOf?.revision,
        limit: 'key' in range ? 1 : PAGE_PARAMETERS_MAX,
        bytesMax: PAGE_BYTES_MAX,
        keysOnly: false,
      });
      asOf ??= page.head;
      const parameters = within(range, page.parameters);
      if (parameters.length > 0) yield { kind: 'initial', parameters };
      after = page.parameters.at(-1)?.key;
      more = page.more && !('key' in range);
    }
  }
  if (asOf === undefined) throw new Error('a filter matches at least one key');
  yield { kind: 'initial-complete', revision: asOf.revision };
  return asOf;
}

/** A key is the first of all that begin with it. */
function within(range: KeyRange, parameters: readonly Parameter[]): readonly Parameter[] {
  return 'key' in range ? parameters.filter(({ key }) => key === range.key) : parameters;
}
