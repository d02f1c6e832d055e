/** Time, so that a simulation can run the core on virtual time. Core uses nothing else for it. */
export interface Clock {
  /** Milliseconds with fraction, never backwards, origin unspecified. May stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Milliseconds since 1970. May jump; used only to notice that the machine slept. */
  wallMs(): number;
  /** Runs once after at least `ms`. */
  setTimer(ms: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Uniform in [0, 1). For jitter, never for secrets. */
export type Random = () => number;
