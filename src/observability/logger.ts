import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { describeError } from './describe-error.ts';
import { prettyLine } from './pretty-line.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'auto' | 'json' | 'pretty';
  /** On every line: which process wrote it. Not in the pretty format. */
  readonly replicaId: string;
  /** Where to, a file descriptor or a file. Standard output unless told. */
  readonly target?: number | string;
}

export interface OpenLogger {
  readonly logger: Logger;
  /** Lines lost because the reader of the log was too slow. */
  dropped(): number;
  /** Writes what is buffered; before exit. */
  flush(): void;
}

/** Lines are written together … */
const BUFFER_BYTES = 8 * 1024;
/** … but seen by a reader within this. */
const FLUSH_INTERVAL_MS = 100;
/** What a reader that has stalled may cost before lines are dropped. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

/** Lines of JSON, or for people; a slow reader of the log never holds up a call. */
export function createLogger({ level, format, replicaId, target = 1 }: LoggerOptions): OpenLogger {
  let lost = 0;
  const file = destination({
    dest: target,
    sync: false,
    minLength: BUFFER_BYTES,
    maxLength: BUFFER_BYTES_MAX,
    periodicFlush: FLUSH_INTERVAL_MS,
  });
  file.on('drop', () => lost++);
  // A closed pipe must not end the process: there is nobody left to tell.
  file.on('error', () => lost++);

  const pretty = format === 'pretty' || (format === 'auto' && target === 1 && process.stdout.isTTY === true);
  const logger = pino(
    {
      level,
      base: { replica: replicaId },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, err: describeError },
    },
    pretty ? { write: (line: string) => void file.write(prettyLine(line)) } : file,
  );
  return { logger, dropped: () => lost, flush: () => flushQuietly(file) };
}

function flushQuietly(file: { flushSync(): void }): void {
  try {
    file.flushSync();
  } catch {
    // Not open yet or closed already: there is nothing to write to.
  }
}
