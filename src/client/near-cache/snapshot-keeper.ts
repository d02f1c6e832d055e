import { messageOf } from '../rpc-error.ts';
import type { Clock } from './clock.ts';
import type { Contents } from './contents.ts';
import { checkPath, readSnapshot, removeLeftovers, writeSnapshot } from './snapshot-file.ts';

const WRITE_PERIOD_MS = 10_000;

export interface SnapshotKeeperOptions {
  readonly path: string;
  readonly prefixes: readonly string[];
  readonly contents: Contents;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Tests hold it back. */
  readonly write?: typeof writeSnapshot;
}

/** Keeps the snapshot file up to date: one write at a time, and not for every change. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  #isStale = false;
  #hasFailed = false;
  #isClosed = false;
  /** Until then the file was just written. */
  #cancelPause: (() => void) | undefined;
  #writing: Promise<void> | undefined;

  /** @throws TypeError: there can be no such file */
  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    checkPath(options.path);
  }

  /** Takes over what the file has, if it can be believed. */
  restore(): void {
    const { path, prefixes, contents, log } = this.#options;
    try {
      const snapshot = readSnapshot(path, prefixes);
      if (snapshot !== undefined) {
        const { keys, entries, revision } = snapshot;
        contents.restore(new Map(keys.map((key, index) => [key, entries[index]!])), revision);
      }
    } catch (error) {
      log(`near cache: snapshotFile ${path} is ignored, and written anew later: ${messageOf(error)}`);
    }
    try {
      removeLeftovers(path);
    } catch {
      // They only take space; that nothing can be written, the first write tells.
    }
  }

  /** Something that the file has is not true any more. */
  changed(): void {
    this.#isStale = true;
    this.#write();
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    await this.#writing;
    this.#write();
    await this.#writing;
  }

  #write(): void {
    if (!this.#isStale || this.#writing !== undefined || this.#cancelPause !== undefined) return;
    this.#isStale = false;
    this.#writing = this.#writeNow().finally(() => {
      this.#writing = undefined;
      if (!this.#isClosed) this.#pause();
    });
  }

  #pause(): void {
    const { clock } = this.#options;
    this.#cancelPause = clock.after(WRITE_PERIOD_MS * (0.8 + 0.4 * clock.random()), () => {
      this.#cancelPause = undefined;
      this.#write();
    });
  }

  async #writeNow(): Promise<void> {
    const { path, prefixes, contents, log, write = writeSnapshot } = this.#options;
    const { entries, revision } = contents;
    const snapshot = { prefixes, revision, keys: [...entries.keys()], entries: [...entries.values()] };
    try {
      await write(path, snapshot);
      if (this.#hasFailed) log(`near cache: snapshotFile ${path} can be written again`);
      this.#hasFailed = false;
    } catch (error) {
      this.#isStale = true;
      const advice = 'make its folder writable for this process, with space left';
      if (!this.#hasFailed) log(`near cache: snapshotFile ${path} cannot be written: ${messageOf(error)}; ${advice}`);
      this.#hasFailed = true;
    }
  }
}
