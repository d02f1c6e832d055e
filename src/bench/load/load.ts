import type { Answer } from './dialect.ts';

/** What a process of the load does again and again. */
export interface Load {
  /** @throws if it failed, or was not answered as it should be */
  call(index: number): Promise<Answer>;
  close(): Promise<void> | void;
}

export const ONE: Answer = { operations: 1 };
