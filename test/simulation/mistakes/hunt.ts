// A process of its own, with the hook before it: simulates seed after seed until something is caught.
//   node --import ./hook.ts hunt.ts <first seed> <seeds at most> <seconds at most>
// It writes each seed as it begins, and what it found as JSON in the last line.
import type { Violation } from '../../history/history.ts';
import { simulate } from '../simulate.ts';

/** What a hunt ends with. */
export interface Hunted {
  /** Simulated, the last of them with the violation. */
  readonly seeds: number;
  readonly seconds: number;
  /** Undefined: none in all these seeds. */
  readonly violation: Violation | undefined;
}

const [first, seedsMax, secondsMax] = process.argv.slice(2).map(Number) as [number, number, number];

/** An error that nobody catches would end any process: that is caught, too. */
const stray = Promise.withResolvers<Violation>();
process.on('uncaughtException', ({ message }) => stray.resolve({ promise: '', kind: 'uncaught error', message }));

const startedAtMs = performance.now();
const seconds = () => (performance.now() - startedAtMs) / 1000;
let seeds = 0;
let violation: Violation | undefined;
while (violation === undefined && seeds < seedsMax && seconds() < secondsMax) {
  const seed = first + seeds;
  process.stdout.write(`${seed}\n`);
  violation = await Promise.race([simulate(seed).then(({ violations }) => violations[0]), stray.promise]);
  seeds += 1;
}
process.stdout.write(`${JSON.stringify({ seeds, seconds: seconds(), violation } satisfies Hunted)}\n`, () => {
  process.exit();
});
