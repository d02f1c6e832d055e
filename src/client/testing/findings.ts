import { BadRequest } from '../../../gen/google/rpc/error_details.ts';
import { failure } from './failure.ts';

/** Violations told in one answer, as the servers do. */
const VIOLATIONS_MAX = 50;

/** What is wrong with one request, collected so that all of it is told at once. */
export class Findings {
  readonly #violations: { field: string; description: string }[] = [];
  #exceeded: { limit: string; maximum: number; hint: string } | undefined;

  /** @param field as the proto spells it: `operations[2].set.key` */
  invalid(field: string, description: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push({ field, description });
  }

  /** Too large or too many. The first one is told. */
  exceeded(limit: string, maximum: number, hint: string): void {
    this.#exceeded ??= { limit, maximum, hint };
  }

  /** What is malformed comes before what is too large: asking for less would not help it. @throws ParamdRpcError */
  settle(): void {
    if (this.#violations.length > 0) {
      const message = this.#violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
      const badRequest = BadRequest.create({ fieldViolations: this.#violations });
      throw failure('INVALID_FIELD', {}, message, { badRequest });
    }
    if (this.#exceeded !== undefined) throw limitExceeded(this.#exceeded);
  }
}

export function limitExceeded({ limit, maximum, hint }: { limit: string; maximum: number; hint?: string }): Error {
  const message = `limit ${limit} is ${maximum}${hint === undefined ? '' : `: ${hint}`}`;
  return failure('LIMIT_EXCEEDED', { limit, maximum: String(maximum) }, message);
}
