// Generated accesses, each time the same ones. What they are like is known, which of a trace it never quite is.

const KEYS = 100_000;
const ACCESSES = 1_000_000;

/** By name, what makes one. */
export const MIXES: Readonly<Record<string, () => Uint32Array>> = {
  'zipf 0.8': () => zipfAccesses(0.8),
  'zipf 1.0': () => zipfAccesses(1),
  'scans over zipf': scansOverZipf,
  loops: loopAccesses,
  'shifting popularity': shiftingAccesses,
};

function zipfAccesses(exponent: number): Uint32Array {
  const chance = seededChance(1);
  const rank = zipf(exponent, chance);
  return Uint32Array.from({ length: ACCESSES }, rank);
}

/** A quarter of all accesses: runs of 20,000 keys that nobody asks for again, as an export makes them. */
function scansOverZipf(): Uint32Array {
  const rank = zipf(1, seededChance(2));
  const [period, scan] = [80_000, 20_000];
  let next = KEYS;
  return Uint32Array.from({ length: ACCESSES }, (_, at) => (at % period < scan ? next++ : rank()));
}

/** After a pass over all keys, some of them over and over, in turn: for each size of the cache a loop a tenth larger. */
function loopAccesses(): Uint32Array {
  const lengths = [0.001, 0.01, 0.1].map((size) => Math.ceil(KEYS * size * 1.1));
  const turn = (ACCESSES - KEYS) / 18;
  return Uint32Array.from({ length: ACCESSES }, (_, at) =>
    at < KEYS ? at : at % lengths[Math.floor((at - KEYS) / turn) % lengths.length]!,
  );
}

/** Every 100,000 accesses a tenth of the keys become the most popular ones, and the others less so. */
function shiftingAccesses(): Uint32Array {
  const rank = zipf(1, seededChance(3));
  return Uint32Array.from({ length: ACCESSES }, (_, at) => (rank() + Math.floor(at / 100_000) * (KEYS * 0.9)) % KEYS);
}

/** Ranks from 0, each with a chance of 1 / (rank + 1) ** exponent. */
function zipf(exponent: number, chance: () => number): () => number {
  const sums = new Float64Array(KEYS);
  let sum = 0;
  for (let rank = 0; rank < KEYS; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  return () => {
    const sought = chance() * sum;
    let [low, high] = [0, KEYS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < sought) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** From 0 to 1, the same ones for the same seed (mulberry32). */
function seededChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
