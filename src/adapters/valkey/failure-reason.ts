/**
 * Why the driver failed, fit for a log: messages of the driver and the server may hold arguments, so keys and values.
 */
export function failureReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (isReplyError(error)) return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR';
  if (error.message === 'Command timed out') return 'timeout';
  const readyCheck = /^Ready check failed: ([A-Z]{3,})/.exec(error.message)?.[1];
  return readyCheck ?? 'connection lost';
}

/** The server answered, though with an error: it is there. */
export function isReplyError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
