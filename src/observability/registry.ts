import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export type { Registry } from 'prom-client';

export interface Build {
  /** Of paramd. */
  readonly version: string;
  readonly replicaId: string;
}

/** All metrics of this process, with those of the process itself: CPU, memory, event-loop lag, garbage collection. */
export function createRegistry({ version, replicaId }: Build): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'paramd_build_info',
    help: 'Always 1; the labels tell what runs here',
    labelNames: ['version', 'node', 'replica'],
    registers: [registry],
  }).set({ version, node: process.versions.node, replica: replicaId }, 1);
  return registry;
}

/** A gauge read when Prometheus asks. */
export function exposeGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** A count that is kept elsewhere. */
export function exposeCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
