/** Told of every call by rpc/. */
export interface CallObserver {
  /**
   * A call has arrived.
   * @param method as gRPC spells it: `/parameter.v1.ParameterService/GetParameter`
   */
  started(method: string): void;
  /** One of those that had started is over; told once for each. @param tookMs since it started */
  ended(method: string, tookMs: number, outcome: CallOutcome): void;
}

export interface CallOutcome {
  /** Name of the gRPC status: `OK`, `NOT_FOUND`. */
  readonly status: string;
  readonly peer: string;
  /** Of INTERNAL: what the caller was told, to find the line in the log. */
  readonly errorId?: string | undefined;
  /** Of INTERNAL: the defect itself. */
  readonly error?: unknown;
}
