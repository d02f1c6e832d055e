/** Told of every call by rpc/. */
export interface CallObserver {
  /**
   * A call has arrived; the function returned is called once, when it has ended.
   * @param method as gRPC spells it: `/parameter.v1.ParameterService/GetParameter`
   */
  started(method: string): (outcome: CallOutcome) => void;
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
