import type { IncomingHttpHeaders } from 'node:http2';

export const GRPC_TIMEOUT = 'grpc-timeout';

const FORM = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** How long the caller waits. Infinity: it does not say; NaN: what it says is no time. */
export function timeoutMsOf(headers: IncomingHttpHeaders): number {
  const timeout = headers[GRPC_TIMEOUT];
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const [, digits, unit = ''] = FORM.exec(String(timeout)) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) * UNIT_MS[unit]!;
}
