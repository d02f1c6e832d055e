import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** As JSON has it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** scenario.yaml says what each part means. */
export interface Step {
  readonly step: string;
  readonly call: string;
  readonly as?: string;
  readonly request: Json;
  readonly takeEvents?: number;
  readonly unknownField?: number;
  /** Why the request cannot be JSON, by the client's name. */
  readonly binary?: Readonly<Record<string, string>>;
  readonly unlike?: readonly string[];
  /** Why a client cannot take it, by the client's name. */
  readonly except?: Readonly<Record<string, string>>;
  readonly answers?: Json;
  readonly streams?: Json;
  readonly fails?: Json;
}

/** What one client saw. */
export interface Outcome {
  readonly response?: Json;
  readonly responses?: Json;
  readonly error?: Json;
  readonly refused?: string;
}

interface Scenario {
  readonly calls: readonly Step[];
  /** While PostgreSQL cannot be reached. */
  readonly outage: readonly Step[];
}

export const SCENARIO = parse(readFileSync('test/polyglot/scenario.yaml', 'utf8')) as Scenario;

/**
 * A part of the scenario as it is for one client.
 * @param answers by the names of the steps
 */
export function forClient(part: Json, prefix: string, answers: ReadonlyMap<string, Json>): Json {
  if (typeof part === 'string') {
    return part.replace(/<([^<>]+)>/g, (_whole, reference: string) =>
      reference === 'prefix' ? prefix : lookUp(answers, reference),
    );
  }
  if (isList(part)) return part.map((item) => forClient(item, prefix, answers));
  if (typeof part !== 'object' || part === null) return part;
  const filled = mapped(part, (inner) => forClient(inner, prefix, answers));
  return 'repeat' in part ? repeated(filled as unknown as Repeated) : filled;
}

/** Also of a member named `__proto__`. */
export function mapped(object: { readonly [name: string]: Json }, change: (value: Json, name: string) => Json): Json {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
}

export function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

interface Repeated {
  readonly repeat: Json;
  readonly times: number;
  readonly before?: string;
}

function repeated({ repeat, times, before = '' }: Repeated): Json {
  if (typeof repeat === 'string') return before + repeat.repeat(times);
  return Array.from({ length: times }, () => repeat);
}

/** @param reference such as `created.parameter.revision` */
function lookUp(answers: ReadonlyMap<string, Json>, reference: string): string {
  const [name = '', ...path] = reference.split('.');
  let found: unknown = answers.get(name);
  for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
  return typeof found === 'string' ? found : `<${reference} is not there>`;
}
