import type { Duration } from '../../gen/google/protobuf/duration.ts';

const NS_PER_S = 1_000_000_000n;
/** Of google.protobuf.Duration: about 10,000 years. */
const SECONDS_MAX = 315_576_000_000n;

const UNITS_NS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: NS_PER_S,
  m: 60n * NS_PER_S,
  h: 3_600n * NS_PER_S,
  d: 86_400n * NS_PER_S,
};

/** @throws RangeError beyond about 10,000 years */
export function durationOfNs(ns: bigint): Duration {
  const seconds = ns / NS_PER_S;
  if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX) throw new RangeError('a duration is at most 315576000000 s');
  return { seconds, nanos: Number(ns % NS_PER_S) };
}

/** To the nanosecond. @throws RangeError unless finite */
export function durationOfMs(ms: number): Duration {
  const whole = Math.trunc(ms);
  return durationOfNs(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)));
}

export function nsOfDuration(duration: Duration): bigint {
  return duration.seconds * NS_PER_S + BigInt(duration.nanos);
}

export function msOfDuration(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** As ProtoJSON writes it: seconds with 0, 3, 6 or 9 digits behind the point, "1.500s". */
export function formatDuration(duration: Duration): string {
  const ns = nsOfDuration(duration);
  const size = ns < 0n ? -ns : ns;
  let fraction = (size % NS_PER_S).toString().padStart(9, '0');
  while (fraction.endsWith('000')) fraction = fraction.slice(0, -3);
  return `${ns < 0n ? '-' : ''}${size / NS_PER_S}${fraction === '' ? '' : `.${fraction}`}s`;
}

/**
 * Numbers with units, added up: "1.5s", "250ms", "1h30m", "-2m". Units: d, h, m, s, ms, us, ns.
 * @returns nanoseconds
 * @throws SyntaxError if the text is none, or finer than a nanosecond; RangeError beyond about 10,000 years
 */
export function parseDuration(text: string): bigint {
  const [, sign, parts = ''] = /^([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d))+)$/.exec(text) ?? [];
  if (parts === '') throw new SyntaxError(`"${text}" is no duration; write for example 1.5s, 250ms or 1h30m`);
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of parts.matchAll(/(\d+)(?:\.(\d+))?([a-z]+)/g)) {
    const scaled = BigInt(whole + fraction) * (UNITS_NS[unit] ?? 0n);
    const divisor = 10n ** BigInt(fraction.length);
    if (scaled % divisor !== 0n) throw new SyntaxError(`"${text}" is finer than a nanosecond`);
    total += scaled / divisor;
  }
  const ns = sign === '-' ? -total : total;
  durationOfNs(ns);
  return ns;
}
