/**
 * Calls what a user gave, in the middle of our work: what it throws is told and goes no further, and so is what its
 * promise rejects with, which would else end the process.
 */
export function callSafely<A>(call: (argument: A) => unknown, argument: A, failed: (error: unknown) => void): void {
  try {
    const returned = call(argument);
    if (returned instanceof Promise) returned.catch(failed);
  } catch (error) {
    failed(error);
  }
}
