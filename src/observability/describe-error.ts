/** How far down a chain of causes the log goes. */
const CAUSES_MAX = 4;
const MESSAGE_CHARACTERS_MAX = 500;

export interface ErrorDescription {
  readonly type: string;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** Functions and places, innermost first. */
  readonly frames?: readonly string[] | undefined;
  readonly cause?: ErrorDescription | undefined;
}

/**
 * An error as the log may show it. Parsers, drivers and Node quote what they were given in their messages ("Unexpected
 * token 's', "secret" is not valid JSON"), and PostgreSQL in further properties; that could be a parameter's value. So
 * only messages that cannot quote are kept, and of properties only the code.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    code,
    message: mayQuote(error, code) ? undefined : error.message.slice(0, MESSAGE_CHARACTERS_MAX),
    frames: error.stack?.match(/^ {4}at .+$/gm)?.map((frame) => frame.slice(7)),
    cause: error.cause === undefined || depth === CAUSES_MAX ? undefined : describeError(error.cause, depth + 1),
  };
}

/** A code of the operating system (ECONNREFUSED) comes with no more than addresses and file names. */
function mayQuote(error: Error, code: string | undefined): boolean {
  if (error instanceof SyntaxError || error instanceof RangeError || error instanceof URIError) return true;
  return code !== undefined && !/^E[A-Z0-9]+$/.test(code);
}
