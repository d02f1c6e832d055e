import type { JsonValue } from './near-cache.ts';
import type { StandardResult, StandardSchema } from './standard-schema.ts';

/** What came of a text: `problem` undefined means that `value` is to be used. */
export interface JsonOutcome<T = unknown> {
  readonly value: T | undefined;
  readonly problem: string | undefined;
}

/** In a problem's text. */
const ISSUES_MAX = 5;

/** One JSON text, parsed once, and put through each schema once. */
export class ParsedJson {
  readonly #plain: JsonOutcome<JsonValue>;
  readonly #text: string;
  /** By schema: those that are made anew for every read are forgotten with it. */
  #bySchema: WeakMap<object, JsonOutcome> | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#plain = parse(text);
  }

  plain(): JsonOutcome<JsonValue> {
    return this.#plain;
  }

  /** @throws TypeError: the schema is asynchronous */
  by<T>(schema: StandardSchema<T>): JsonOutcome<T> {
    this.#bySchema ??= new WeakMap();
    const known = this.#bySchema.get(schema);
    if (known !== undefined) return known as JsonOutcome<T>;
    // A schema may change what it is given, so it gets its own.
    const outcome = this.#plain.problem === undefined ? validate(schema, JSON.parse(this.#text)) : this.#plain;
    this.#bySchema.set(schema, outcome);
    return outcome as JsonOutcome<T>;
  }
}

function parse(text: string): JsonOutcome<JsonValue> {
  try {
    return { value: frozen(JSON.parse(text)), problem: undefined };
  } catch {
    return { value: undefined, problem: 'it is no JSON' };
  }
}

/** Problems name places and never quote the value, which may be a secret. */
function validate<T>(schema: StandardSchema<T>, value: unknown): JsonOutcome<T> {
  try {
    const result = schema['~standard'].validate(value);
    if (!(result instanceof Promise)) return judged(result);
    result.catch(() => {});
  } catch (error) {
    return { value: undefined, problem: `the schema threw ${error instanceof Error ? error.name : 'something'}` };
  }
  throw new TypeError('the schema is asynchronous (zod: or has thrown); a read needs one that answers at once');
}

/** Also throws on what is no result, or cannot be frozen. */
function judged<T>(result: StandardResult<T>): JsonOutcome<T> {
  if (result.issues === undefined) return { value: frozen(result.value), problem: undefined };
  return { value: undefined, problem: describe(result.issues) || 'the schema refuses it' };
}

type Issues = NonNullable<Extract<StandardResult<unknown>, { issues: readonly unknown[] }>['issues']>;

function describe(issues: Issues): string {
  const lines = issues.slice(0, ISSUES_MAX).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return place === '' ? message : `${place}: ${message}`;
  });
  if (issues.length > ISSUES_MAX) lines.push(`and ${issues.length - ISSUES_MAX} more`);
  return lines.join('; ');
}

/** Plain objects and arrays all the way down; a Date or a Map that a schema made stays as it is. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}
