// Preloaded into a replica (node --import): every SIGUSR2 puts its wall clock elsewhere, an hour ahead, an hour back, and
// to the truth again. Clocks that only go forward stay as they are, and so do timers.
const OFFSETS_MS = [3_600_000, -3_600_000, 0];
const trueNow = Date.now;
let offsetMs = 0;
let turns = 0;

globalThis.Date = class extends Date {
  constructor(...given) {
    if (given.length === 0) super(Date.now());
    else super(...given);
  }
  static now() {
    return trueNow() + offsetMs;
  }
};

process.on('SIGUSR2', () => {
  offsetMs = OFFSETS_MS[turns++ % OFFSETS_MS.length];
  process.stdout.write(`${JSON.stringify({ msg: 'wall clock shifted', offsetMs, time: new Date().toISOString() })}\n`);
});
