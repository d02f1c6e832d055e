import type { Demands } from './demands.ts';
import type { Evidence } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { History } from './history.ts';
import type { Timeline } from './timeline.ts';
import type { Writes } from './writes.ts';

/** What every check is given. */
export interface CheckContext {
  readonly history: History;
  readonly demands: Required<Demands>;
  readonly timeline: Timeline;
  readonly evidence: Evidence;
  readonly writes: Writes;
  readonly findings: Findings;
}
