interface Due {
  readonly ms: number;
  readonly run: () => void;
}

/** What happens next, in the order of time. A binary heap: a million of them pass through. */
export class EventQueue {
  readonly #heap: Due[] = [];

  add(ms: number, run: () => void): void {
    const heap = this.#heap;
    let at = heap.push({ ms, run }) - 1;
    for (let above = (at - 1) >> 1; at > 0 && heap[above]!.ms > ms; at = above, above = (at - 1) >> 1) {
      [heap[at], heap[above]] = [heap[above]!, heap[at]!];
    }
  }

  /** Until nothing is left. */
  runAll(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) next.run();
  }

  #take(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let next = 2 * at + 1;
      if (next >= heap.length) return first;
      if (next + 1 < heap.length && heap[next + 1]!.ms < heap[next]!.ms) next += 1;
      if (heap[next]!.ms >= last.ms) return first;
      [heap[at], heap[next]] = [heap[next]!, heap[at]!];
      at = next;
    }
  }
}
