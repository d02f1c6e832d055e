import type { Fault, Scale } from '../fault.ts';
import type { Site } from '../site.ts';

/** Notes what did not hold, for people. */
export type Demand = (holds: boolean, otherwise: string) => void;

export interface JudgedFault extends Omit<Fault, 'inject'> {
  inject(site: Site, scale: Scale, demand: Demand): Promise<void>;
}

/** A fault that is judged while it lasts, too: what did not hold then is told by `demand` with all the rest. */
export function judged(fault: JudgedFault): Fault {
  const missed = new WeakMap<Site, string[]>();
  return {
    ...fault,
    inject(site, scale) {
      const missing: string[] = [];
      missed.set(site, missing);
      return fault.inject(site, scale, (holds, otherwise) => {
        if (!holds) missing.push(otherwise);
      });
    },
    async demand(run) {
      return [...(missed.get(run.site) ?? []), ...((await fault.demand?.(run)) ?? [])];
    },
  };
}
