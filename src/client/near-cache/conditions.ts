import type { Clock } from './clock.ts';
import type { WaitSettings } from './near-cache.ts';

const TIMEOUT_MS_DEFAULT = 10_000;

/** What callers wait for. */
export class Conditions {
  readonly #clock: Clock;
  readonly #looks = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param met the answer, or undefined as long as there is none; what it throws ends the waiting
   * @param late the answer when the time is up, or it throws
   */
  until<T>(met: () => T | undefined, late: () => T, settings: WaitSettings = {}): Promise<T> {
    const { timeoutMs = TIMEOUT_MS_DEFAULT, signal } = settings;
    return new Promise<T>((resolve, reject) => {
      signal?.throwIfAborted();
      const end = (answer: () => T) => {
        this.#looks.delete(look);
        cancel();
        signal?.removeEventListener('abort', abort);
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      };
      const look = () => {
        try {
          const answer = met();
          if (answer !== undefined) end(() => answer);
        } catch (error) {
          end(() => {
            throw error;
          });
        }
      };
      const abort = () =>
        end(() => {
          throw signal?.reason;
        });
      const cancel = this.#clock.after(timeoutMs, () => end(late));
      this.#looks.add(look);
      signal?.addEventListener('abort', abort, { once: true });
      look();
    });
  }

  /** Something has changed. */
  look(): void {
    for (const look of [...this.#looks]) look();
  }
}
