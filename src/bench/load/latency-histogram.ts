// Counts of latencies in buckets whose width grows with the value: each is less than 1 % wide, and any two histograms
// can be added, over rounds and processes. Node's own one has no way from one process to another.

/** Of the first buckets; every further 128 are twice as wide as those before. */
const UNIT_NS = 100;
const FIRST_BUCKETS = 256;
const BUCKETS_PER_DOUBLING = 128;
const UNITS_MAX = 2 ** 31 - 1;

/** Bucket, count, bucket, count … */
export type PackedHistogram = readonly number[];

export class LatencyHistogram {
  readonly #counts: number[] = [];
  #count = 0;

  static of(...packed: readonly PackedHistogram[]): LatencyHistogram {
    const sum = new LatencyHistogram();
    for (const one of packed) for (let i = 0; i < one.length; i += 2) sum.#add(one[i]!, one[i + 1]!);
    return sum;
  }

  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    this.#add(bucketOf(Math.min(UNITS_MAX, Math.max(0, Math.round((ms * 1e6) / UNIT_NS)))), 1);
  }

  /** The upper end of the bucket that holds it; NaN of nothing. */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return (upperEnd(bucket) * UNIT_NS) / 1e6;
    }
    return Number.NaN;
  }

  get maxMs(): number {
    return this.quantileMs(1);
  }

  packed(): PackedHistogram {
    return this.#counts.flatMap((count, bucket) => (count === 0 ? [] : [bucket, count]));
  }

  #add(bucket: number, count: number): void {
    // Each below has its place first: an array with holes is many times slower.
    while (this.#counts.length <= bucket) this.#counts.push(0);
    this.#counts[bucket]! += count;
    this.#count += count;
  }
}

function bucketOf(units: number): number {
  if (units < FIRST_BUCKETS) return units;
  const doublings = 31 - Math.clz32(units) - 7;
  return BUCKETS_PER_DOUBLING * doublings + (units >>> doublings);
}

/** The largest value that the bucket counts, in units. */
function upperEnd(bucket: number): number {
  if (bucket < FIRST_BUCKETS) return bucket;
  const doublings = Math.floor(bucket / BUCKETS_PER_DOUBLING) - 1;
  return (bucket - BUCKETS_PER_DOUBLING * doublings + 1) * 2 ** doublings - 1;
}
