import { status } from '@grpc/grpc-js';
import { Event_Type, type Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { type ParamdClient, ParamdRpcError, type WatchItem } from '../../client/index.ts';

export interface Following {
  readonly prefixes: readonly string[];
  /** Until the first state begins to arrive, and between its parts. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told when it breaks, and when it goes on. */
  readonly onLink?: (link: 'broken' | 'whole', why: string) => void;
}

/**
 * The parameters under the prefixes as of one revision, now and after every change. A watch is the one read that has
 * several prefixes at one revision. Once it has begun it is taken up again whatever breaks it; before, it ends with its
 * error, at once where nobody answers.
 * @throws ParamdRpcError; the signal's reason if it aborts
 */
export async function* states(
  client: ParamdClient,
  { prefixes, timeoutMs, signal, onLink = () => {} }: Following,
): AsyncGenerator<readonly Parameter[], void, undefined> {
  const neverBegan = new AbortController();
  let failure = new ParamdRpcError(status.DEADLINE_EXCEEDED, 'no parameters in time');
  const timer = setTimeout(() => neverBegan.abort(failure), timeoutMs);
  const link = { begun: false, broken: false };
  const onBroken = (error: ParamdRpcError) => {
    if (link.begun && !link.broken) onLink('broken', error.message);
    link.broken = true;
    if (link.begun) return;
    failure = error;
    if (error.reason === undefined) neverBegan.abort(error);
  };
  const settings = {
    initial: true,
    signal: AbortSignal.any([signal, neverBegan.signal]),
    onBroken,
    onLoading: () => timer.refresh(),
  };
  const parameters = new Map<string, Parameter>();
  try {
    for await (const item of client.watch({ prefixes }, settings)) {
      if (link.begun && link.broken) onLink('whole', '');
      link.begun = true;
      link.broken = false;
      clearTimeout(timer);
      if (item.kind === 'progress') continue;
      apply(item, parameters);
      yield [...parameters.values()];
    }
  } finally {
    clearTimeout(timer);
  }
}

function apply(item: WatchItem, parameters: Map<string, Parameter>): void {
  if (item.kind === 'snapshot') {
    parameters.clear();
    for (const parameter of item.parameters) parameters.set(parameter.key, parameter);
  } else if (item.kind === 'changes') {
    for (const { type, parameter } of item.events) {
      if (parameter === undefined) continue;
      if (type === Event_Type.TYPE_PUT) parameters.set(parameter.key, parameter);
      else parameters.delete(parameter.key);
    }
  }
}
