import type { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import type { Clock, Timer } from '../../src/ports/clock.ts';

/** Where in a call to the world outside a process dies: before it is sent, as soon as it is, or when its answer comes. */
export type DeathPoint = 'before' | 'sent' | 'answered';

export interface Doom {
  /** So many calls from now. */
  readonly calls: number;
  readonly point: DeathPoint;
  /** Only calls with this name count; undefined: all. */
  readonly name?: string;
}

export interface MachineOptions {
  readonly world: VirtualClock;
  /** Of its monotonic clock: milliseconds in one that really passes. */
  readonly rate: number;
  /** What its monotonic clock shows at the beginning. */
  readonly originMs: number;
  readonly died: (how: string) => void;
}

/** What ends the calls to a process that is no more. */
export class Gone extends Error {
  constructor() {
    super('the process is gone');
  }
}

/** Later than its time by less than this, a timer is due: numbers are not exact. */
const DUE_MS = 0.001;

/**
 * One process, and the clocks of the machine that it runs on.
 *
 * Everything that comes to it from outside (timers, answers, calls, messages) comes through `enter`: so it can be stopped
 * for a while, and then finds all of it waiting, or can die at any moment between two of its steps. After that nothing of
 * it ever runs again: what it had sent goes its way, and no answer is seen.
 */
export class Machine {
  readonly clock: Clock;
  readonly #options: MachineOptions;
  readonly #startedAtMs: number;
  #state: 'running' | 'stopped' | 'dead' = 'running';
  /** Is the whole machine asleep, so that its monotonic clock stands still? */
  #asleep = false;
  #stoppedAtMs = 0;
  #wokenAtMs = Number.NEGATIVE_INFINITY;
  #sleptMs = 0;
  #wallAheadMs = 0;
  #waiting: (() => void)[] = [];
  #isSpared = false;
  #callers = new Set<(error: unknown) => void>();
  #doom: { left: number; point: DeathPoint; name: string | undefined } | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#startedAtMs = options.world.monotonicMs();
    this.clock = {
      monotonicMs: () => this.#monotonicMs(),
      wallMs: () => options.world.wallMs() + this.#wallAheadMs,
      setTimer: (ms, run) => this.#setTimer(ms, run),
    };
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** Is it stopped, and its monotonic clock with it? */
  get isAsleep(): boolean {
    return this.#state === 'stopped' && this.#asleep;
  }

  /** Was it stopped at any moment since? By the world's clock. */
  hasStopped(sinceMs: number): boolean {
    return this.#state === 'stopped' || this.#wokenAtMs >= sinceMs;
  }

  /** Runs it in this process: at once, when it wakes, or never. */
  enter(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'stopped') this.#waiting.push(run);
  }

  /** A call from outside. Rejects with Gone if the process dies over it. */
  serve<T>(run: () => Promise<T>): Promise<T> {
    if (this.isDead) return Promise.reject(new Gone());
    return new Promise((resolve, reject) => {
      this.#callers.add(reject);
      const answered = (answer: () => void) => {
        // What a dying process did in its last step has not left it.
        if (this.isDead) return;
        this.#callers.delete(reject);
        answer();
      };
      this.enter(() =>
        run().then(
          (answer) => answered(() => resolve(answer)),
          (error: unknown) => answered(() => reject(error)),
        ),
      );
    });
  }

  /** A call to the outside. */
  reach<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (this.isDead) return forever();
    const death = this.#nextDeath(name);
    if (death === 'before') {
      this.die(`before ${name}`);
      return forever();
    }
    const answer = call();
    if (death === 'sent') {
      answer.catch(() => {});
      this.die(`after sending ${name}`);
      return forever();
    }
    return new Promise((resolve, reject) => {
      const seen = (settle: () => void) => {
        this.enter(() => {
          if (death === 'answered' && !this.#isSpared) this.die(`at the answer of ${name}`);
          else settle();
        });
      };
      answer.then(
        (value) => seen(() => resolve(value)),
        (error: unknown) => seen(() => reject(error)),
      );
    });
  }

  /** A message to the outside, which nobody answers. */
  send(name: string, run: () => void): void {
    if (this.isDead) return;
    const death = this.#nextDeath(name);
    if (death === 'before') this.die(`before ${name}`);
    else run();
    if (death === 'sent' || death === 'answered') this.die(`after ${name}`);
  }

  /** It will die at a call yet to come. */
  doom({ calls, point, name }: Doom): void {
    this.#doom = { left: calls, point, name };
  }

  /** It will live. */
  spare(): void {
    this.#doom = undefined;
    this.#isSpared = true;
  }

  die(how: string): void {
    if (this.isDead) return;
    this.#state = 'dead';
    this.#waiting = [];
    const callers = this.#callers;
    this.#callers = new Set();
    for (const reject of callers) reject(new Gone());
    this.#options.died(how);
  }

  /** @param asleep its monotonic clock stands still too, as when a whole machine sleeps */
  stop(asleep: boolean): void {
    if (this.#state !== 'running') return;
    this.#state = 'stopped';
    this.#asleep = asleep;
    this.#stoppedAtMs = this.#options.world.monotonicMs();
  }

  wake(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    this.#wokenAtMs = this.#options.world.monotonicMs();
    if (this.#asleep) this.#sleptMs += this.#wokenAtMs - this.#stoppedAtMs;
    const waiting = this.#waiting;
    this.#waiting = [];
    // One after the other, each with what follows from it, as an event loop takes them.
    for (const run of waiting) this.#options.world.setTimer(0, () => this.enter(run));
  }

  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  #monotonicMs(): number {
    const { world, rate, originMs } = this.#options;
    return originMs + (world.monotonicMs() - this.#startedAtMs - this.#sleptMs) * rate;
  }

  #setTimer(ms: number, run: () => void): Timer {
    const { world, rate } = this.#options;
    const dueMs = this.#monotonicMs() + Math.max(0, ms);
    let timer: Timer;
    let cancelled = false;
    const arm = (inMs: number) => {
      timer = world.setTimer(inMs / rate, () => this.enter(ring));
    };
    const ring = () => {
      if (cancelled) return;
      const leftMs = dueMs - this.#monotonicMs();
      // It slept meanwhile.
      if (leftMs > DUE_MS) arm(leftMs);
      else run();
    };
    arm(Math.max(0, ms));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  #nextDeath(name: string): DeathPoint | undefined {
    const doom = this.#doom;
    if (doom === undefined || (doom.name !== undefined && doom.name !== name)) return undefined;
    if (doom.left-- > 0) return undefined;
    this.#doom = undefined;
    return doom.point;
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
