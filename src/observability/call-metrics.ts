import { Gauge, Histogram } from 'prom-client';
import type { CallObserver } from '../ports/call-observer.ts';
import type { Registry } from './registry.ts';
import { SECONDS_BUCKETS } from './telemetry.ts';

/** What clients may call. Anything else is `other`: no client can make labels grow. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  'parameter.v1.ParameterService': [
    'GetParameter',
    'BatchGetParameters',
    'ListParameters',
    'SetParameter',
    'DeleteParameter',
    'Commit',
    'Watch',
  ],
  'parameter.v1.CacheService': ['GetStats', 'WarmCache'],
  'grpc.health.v1.Health': ['Check', 'Watch', 'List'],
  'grpc.reflection.v1.ServerReflection': ['ServerReflectionInfo'],
  'grpc.reflection.v1alpha.ServerReflection': ['ServerReflectionInfo'],
};
const STATUSES = new Set([
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]);

interface Method {
  readonly label: string;
  inFlight: number;
}

/** How long calls take, by method and status; watches too, which last for hours. */
export function measureCalls(registry: Registry): CallObserver {
  const durations = new Histogram({
    name: 'grpc_server_call_duration_seconds',
    help: 'From the arrival of a call to its end',
    labelNames: ['method', 'status'],
    buckets: SECONDS_BUCKETS,
    registers: [registry],
  });
  const methods = new Map<string, Method>();
  for (const [service, names] of Object.entries(SERVICES)) {
    for (const name of names) methods.set(`/${service}/${name}`, { label: `${service}/${name}`, inFlight: 0 });
  }
  const other: Method = { label: 'other', inFlight: 0 };
  new Gauge({
    name: 'grpc_server_calls_in_flight',
    help: 'Calls that have begun and not ended',
    labelNames: ['method'],
    registers: [registry],
    collect() {
      for (const { label, inFlight } of [...methods.values(), other]) this.set({ method: label }, inFlight);
    },
  });

  return {
    started(path) {
      (methods.get(path) ?? other).inFlight += 1;
    },
    ended(path, tookMs, { status }) {
      const method = methods.get(path) ?? other;
      method.inFlight -= 1;
      durations.observe({ method: method.label, status: STATUSES.has(status) ? status : 'other' }, tookMs / 1000);
    },
  };
}
