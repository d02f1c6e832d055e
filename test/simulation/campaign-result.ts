/** What a campaign says of itself: `npm run sim -- --json FILE` writes it, for the documentation. */
export interface CampaignResult {
  readonly command: string;
  readonly seeds: number;
  /** Calls that clients made, and responses of watches that they read. */
  readonly operations: number;
  readonly watchEvents: number;
  /** What was broken on purpose. */
  readonly faults: number;
  readonly epochs: number;
  readonly violations: number;
  /** Seeds with a violation. */
  readonly failed: readonly number[];
}
