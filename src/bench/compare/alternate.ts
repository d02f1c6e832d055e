import { median } from '../quantile.ts';
import { type Peer, type Round, runRound } from './load.ts';

/** All rounds of one peer with so many calls in flight. */
export interface Figures {
  readonly peer: string;
  readonly inFlight: number;
  readonly rounds: readonly Round[];
}

export interface Course {
  readonly inFlight: readonly number[];
  readonly rounds: number;
  /** Of one round. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/**
 * Peers take turns in short rounds, so that whatever else the machine does strikes all alike. Every peer is warmed up
 * first, as it will be loaded.
 */
export async function alternate(peers: readonly Peer[], course: Course): Promise<Figures[]> {
  const { inFlight, rounds, seconds, signal } = course;
  const series = peers.flatMap((peer) => inFlight.map((calls) => ({ peer, inFlight: calls, rounds: [] as Round[] })));
  const begun = new Map<Peer, number>();
  for (let round = -1; round < rounds; round++) {
    for (const one of series) {
      signal.throwIfAborted();
      const first = begun.get(one.peer) ?? 0;
      const result = await runRound(one.peer, one.inFlight, seconds, first);
      begun.set(one.peer, first + result.calls);
      if (round >= 0) one.rounds.push(result);
    }
  }
  return series.map(({ peer, ...rest }) => ({ peer: peer.name, ...rest }));
}

/** The middle of the rounds. */
export function middle(figures: Figures, of: (round: Round) => number): number {
  return median(figures.rounds.map(of));
}

/** Calls per second against another peer's, round by round, and the middle of these. */
export function ratio(figures: Figures, other: Figures): number {
  return median(
    figures.rounds.map((round, i) => round.callsPerSecond / (other.rounds[i]?.callsPerSecond ?? Number.NaN)),
  );
}

/** CPU time of the server's process for a call, over all rounds. */
export function cpuUsPerCall({ rounds }: Figures): number | undefined {
  const [cpuMs, calls] = rounds.reduce(([ms, n], round) => [ms + (round.cpuMs ?? Number.NaN), n + round.calls], [0, 0]);
  return Number.isNaN(cpuMs) ? undefined : (cpuMs! / calls!) * 1000;
}

/** The share of answers that this tier gave. */
export function shareOf({ rounds }: Figures, tier: string): number {
  const [from, calls] = rounds.reduce(([f, n], round) => [f + (round.tiers[tier] ?? 0), n + round.calls], [0, 0]);
  return from! / calls!;
}
