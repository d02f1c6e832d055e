import { textOf } from '../rpc-error.ts';
import { callSafely } from './call-safely.ts';
import type { NearCacheSettings } from './near-cache.ts';

const PREFIXES_MAX = 100;
const STALENESS_MS_DEFAULT = 5_000;
const STALENESS_MS_MIN = 1_000;
const STALENESS_MS_MAX = 3_600_000;
/** Of the API. */
const PROGRESS_MS_MIN = 100;
const PROGRESS_MS_MAX = 600_000;

/** staleness.ts says how these make up the bound. */
export interface Timing {
  readonly maxStalenessMs: number;
  /** From the beginning of one head check to that of the next, at most. */
  readonly checkPeriodMs: number;
  readonly checkTimeoutMs: number;
  /** After a failed check, at first. */
  readonly checkRetryMs: number;
  /** How old the answer to a check may be. */
  readonly answerAgeMs: number;
  readonly progressIntervalMs: number;
  /** How late an item of the watch may be before the watch counts as stalled. */
  readonly slackMs: number;
}

const SLACK_MS_MIN = 500;

export function timingOf(maxStalenessMs: number): Timing {
  return {
    maxStalenessMs,
    checkPeriodMs: maxStalenessMs / 2,
    checkTimeoutMs: maxStalenessMs / 8,
    checkRetryMs: maxStalenessMs / 20,
    answerAgeMs: maxStalenessMs / 10,
    progressIntervalMs: Math.min(Math.max(maxStalenessMs / 5, PROGRESS_MS_MIN), PROGRESS_MS_MAX),
    slackMs: Math.max(maxStalenessMs / 10, SLACK_MS_MIN),
  };
}

export interface CheckedSettings {
  readonly prefixes: readonly string[];
  readonly timing: Timing;
  readonly snapshotFile: string | undefined;
  readonly onProgress: (loaded: number) => void;
  /** Never throws. */
  readonly log: (line: string) => void;
}

/** @throws TypeError that names the setting */
export function checkSettings(settings: NearCacheSettings): CheckedSettings {
  const { prefixes, maxStalenessMs = STALENESS_MS_DEFAULT, snapshotFile, onProgress, log = toConsole } = settings;
  if (!Array.isArray(prefixes) || prefixes.length < 1 || prefixes.length > PREFIXES_MAX) {
    throw new TypeError(`prefixes: 1 to ${PREFIXES_MAX} of them, such as ['app:config:']; [''] is everything`);
  }
  for (const prefix of prefixes) {
    if (typeof prefix !== 'string' || !prefix.isWellFormed()) throw new TypeError('prefixes: each is a string');
  }
  if (!(maxStalenessMs >= STALENESS_MS_MIN && maxStalenessMs <= STALENESS_MS_MAX)) {
    throw new TypeError(`maxStalenessMs: ${STALENESS_MS_MIN} to ${STALENESS_MS_MAX}, not ${maxStalenessMs}`);
  }
  if (snapshotFile !== undefined && (typeof snapshotFile !== 'string' || snapshotFile === '')) {
    throw new TypeError('snapshotFile: the path of a file, such as /var/lib/app/parameters.snapshot');
  }
  const safeLog = (line: string) => callSafely(log, line, () => {});
  const progressFailed = (error: unknown) => safeLog(`near cache: onProgress threw ${textOf(error)}`);
  return {
    prefixes: [...new Set(prefixes)],
    timing: timingOf(maxStalenessMs),
    snapshotFile,
    onProgress: (loaded) => onProgress && callSafely(onProgress, loaded, progressFailed),
    log: safeLog,
  };
}

function toConsole(line: string): void {
  // biome-ignore lint/suspicious/noConsole: a library without a logger has nothing else, and the setting replaces it
  console.warn(line);
}
