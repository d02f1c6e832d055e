import type { ParamdClient } from '../client/index.ts';

/** What a workload works on. */
export interface BenchNamespace {
  readonly client: ParamdClient;
  readonly prefix: string;
  /** All there are under the prefix, in their order. */
  readonly keys: readonly string[];
  /** Each parameter is a string of so many ASCII characters. */
  readonly valueBytes: number;
  /** Keys in one call, where a call has several. */
  readonly batch: number;
}

/** One kind of call, made again and again. */
export interface Workload {
  /** As the table calls it. */
  readonly name: string;
  /** @throws WrongAnswer, or what the client throws */
  call(index: number): Promise<void>;
  /** Ends what it has opened. @throws WrongAnswer for what only shows at the end */
  close?(): Promise<void>;
}

/** @param signal ends what the workload waits for */
export type OpenWorkload = (namespace: BenchNamespace, signal: AbortSignal) => Workload | Promise<Workload>;

/** The server answered, and not the truth. The message is the same for all of a kind, so that they can be counted. */
export class WrongAnswer extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WrongAnswer';
  }
}

/** As many keys as a call has, another part with every call, so that no call finds all in the place of the last one. */
export function keysOfCall({ keys, batch }: BenchNamespace, index: number): string[] {
  const count = Math.min(batch, keys.length);
  return Array.from({ length: count }, (_, i) => keys[(index * count + i) % keys.length]!);
}
