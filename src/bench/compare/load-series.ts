import type { BenchServer } from '../bench-server.ts';
import { LatencyHistogram, type PackedHistogram } from '../load/latency-histogram.ts';
import type { Round } from '../load/load-order.ts';
import type { LoadProcess } from '../load/start-load.ts';
import type { Figures, Series } from './comparison.ts';
import type { RunOfRound } from './world.ts';

export interface SeriesOptions {
  /** Whose CPU time is told. */
  readonly server?: BenchServer | undefined;
  /** That must have answered. */
  readonly tier?: string;
  /** It answers what another one did, its tier too. */
  readonly repeats?: boolean;
}

/** A call failed, or an answer was not what it must be: there is no figure then. */
export class ChecksFailed extends Error {
  override readonly name = 'ChecksFailed';
}

/** On a busy machine a lookup may be given up, and the next tier answers: now and then, not as a rule. */
const TIER_SHARE_MIN = 0.95;

export function loadSeries(
  name: string,
  load: LoadProcess,
  run: RunOfRound,
  { server, tier, repeats = false }: SeriesOptions = {},
): Series & { latencies(): PackedHistogram } {
  const latencies: PackedHistogram[] = [];
  return {
    name,
    async round(seconds) {
      const cpuBeforeMs = server?.cpuMs();
      const round = await load.run(run(seconds));
      const cpuAfterMs = server?.cpuMs();
      checkRound(name, round, tier);
      latencies.push(round.latencies);
      return {
        ...figuresOf(round),
        ...(cpuBeforeMs !== undefined &&
          cpuAfterMs !== undefined && { serverCpuUs: ((cpuAfterMs - cpuBeforeMs) / round.operations) * 1000 }),
        ...Object.fromEntries(
          Object.entries(repeats ? {} : round.tiers).map(([name, calls]) => [name, calls / round.calls]),
        ),
      };
    },
    latencies: () => LatencyHistogram.of(...latencies).packed(),
  };
}

/** @throws ChecksFailed */
export function checkRound(name: string, { calls, failures, tiers }: Round, tier: string | undefined): void {
  const [failure] = Object.entries(failures);
  if (failure !== undefined) throw new ChecksFailed(`${name}: ${failure[1]} × ${failure[0]}`);
  if (calls === 0) throw new ChecksFailed(`${name}: no call was answered`);
  if (tier === undefined) return;
  const share = (tiers[tier] ?? 0) / calls;
  if (share < TIER_SHARE_MIN) {
    throw new ChecksFailed(`${name}: ${(share * 100).toFixed(1)} % of the answers came from the ${tier}`);
  }
}

function figuresOf({ calls, operations, tookMs, latencies: packed, cpuShare }: Round): Figures {
  const latencies = LatencyHistogram.of(packed);
  return {
    calls,
    perSecond: (operations / tookMs) * 1000,
    p50Ms: latencies.quantileMs(0.5),
    p90Ms: latencies.quantileMs(0.9),
    p99Ms: latencies.quantileMs(0.99),
    p999Ms: latencies.quantileMs(0.999),
    maxMs: latencies.maxMs,
    ...(cpuShare !== undefined && { loadCpu: cpuShare }),
  };
}
