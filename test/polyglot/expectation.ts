import { isList, type Json, type Step } from './scenario.ts';

/** What a step expects: null, which stands for "not there", and all else at least as it is said. */
export function expectationOf({ answers, streams, fails }: Step): Json {
  if (fails !== undefined) return { failure: { retry: false, ...(fails as object) } };
  if (streams !== undefined) return { responses: streams };
  if (answers !== undefined) return { response: answers };
  throw new Error('a step of the scenario expects nothing');
}

/** An outcome in the words of expectationOf. */
export function inThoseWords(outcome: Json): Json {
  const { error } = outcome as { error?: FailedCall };
  if (error === undefined) return outcome;
  const detail = (type: string) =>
    (error.details ?? []).find((one) => String(one['@type']).endsWith(`/google.rpc.${type}`));
  const of = (type: string, list: string, member: string) => {
    const violations = (detail(type)?.[list] ?? []) as readonly { readonly [name: string]: string }[];
    return violations.map((violation) => violation[member] ?? '').toSorted();
  };
  const { reason, metadata } = detail('ErrorInfo') ?? {};
  return {
    failure: {
      code: error.code,
      reason: reason ?? null,
      metadata: metadata ?? {},
      fields: of('BadRequest', 'fieldViolations', 'field'),
      subjects: of('PreconditionFailure', 'violations', 'subject'),
      retry: detail('RetryInfo') !== undefined,
    },
  };
}

interface FailedCall {
  readonly code: string;
  readonly details?: readonly { readonly [name: string]: Json }[];
}

/** Where something is not at least as expected, with both. */
export function unmet(seen: Json | undefined, expected: Json, path = ''): readonly string[] {
  if (expected === null)
    return seen === undefined || seen === null ? [] : [`${path} is there: ${JSON.stringify(seen)}`];
  if (isList(expected) && isList(seen) && seen.length === expected.length) {
    return expected.flatMap((item, index) => unmet(seen[index], item, `${path}[${index}]`));
  }
  if (isObject(expected) && isObject(seen)) {
    return Object.entries(expected).flatMap(([name, value]) =>
      unmet(Object.hasOwn(seen, name) ? seen[name] : undefined, value, `${path}.${name}`),
    );
  }
  return Object.is(seen, expected) ? [] : [`${path} is ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`];
}

function isObject(json: Json | undefined): json is { readonly [name: string]: Json } {
  return typeof json === 'object' && json !== null && !isList(json);
}
