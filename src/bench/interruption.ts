/** Aborts at Ctrl-C or SIGTERM. Told again, the process ends. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(signal)));
  }
  return interrupted.signal;
}
