/** What a run must fulfil besides the contract, and how exact its clock is. */
export interface Demands {
  /**
   * Default false: an acknowledged write must be in the last era. True: a failover may have lost it, where its era goes on
   * below it.
   */
  readonly mayLose?: boolean;
  /** How far times of replicas and of the recorder may be apart: on virtual time 0. Default 2. */
  readonly grainMs?: number;
  /** Operations per second from the first call to the last return. Default 1. */
  readonly operationsPerSecondMin?: number;
  /** Default 1: operations that began or ended during each of the faults. */
  readonly operationsDuringFaultMin?: number;
}

export const DEFAULT_DEMANDS: Required<Demands> = {
  mayLose: false,
  grainMs: 2,
  operationsPerSecondMin: 1,
  operationsDuringFaultMin: 1,
};
