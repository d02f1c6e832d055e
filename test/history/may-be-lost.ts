import type { CheckContext } from './check-context.ts';
import type { Position } from './position.ts';

/**
 * Could a replica have said then, or later, that the revision is lost? Only if another era than the revision's was, or
 * was to come. How much of the eras before it an epoch vouches for is less than what it has, after some failovers.
 */
export function mayBeLost({ timeline, demands }: CheckContext, position: Position, sinceMs: number): boolean {
  const own = timeline.eraAt(position);
  return timeline.spans.some(({ era }, at) => at !== own && era.endMs >= sinceMs - demands.grainMs);
}
