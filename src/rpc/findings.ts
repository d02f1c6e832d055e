import { type Failure, type FieldViolation, ParamdError } from '../model/errors.ts';

/** Violations told in one answer; a client that sends more nonsense learns the rest later. */
const VIOLATIONS_MAX = 50;

/** What is wrong with one request, collected so that all of it is told at once. */
export interface Findings {
  readonly violations: FieldViolation[];
  unknown: Extract<Failure, { reason: 'UNKNOWN_FIELD' }> | undefined;
  exceeded: Extract<Failure, { reason: 'LIMIT_EXCEEDED' }> | undefined;
}

export function noFindings(): Findings {
  return { violations: [], unknown: undefined, exceeded: undefined };
}

/** @param field as the proto spells it: `operations[2].set.key` */
export function invalid(findings: Findings, field: string, description: string): void {
  if (findings.violations.length < VIOLATIONS_MAX) findings.violations.push({ field, description });
}

/** Too large or too many. The first one is told. */
export function exceeded(findings: Findings, limit: string, maximum: number, hint: string): void {
  findings.exceeded ??= { reason: 'LIMIT_EXCEEDED', limit, maximum, hint };
}

/**
 * Throws what was found. An unknown field comes first: with it, nothing else is sure to be understood. What is malformed
 * comes before what is too large: waiting or asking for less would not help it.
 */
export function settle(findings: Findings): void {
  if (findings.unknown !== undefined) throw new ParamdError(findings.unknown);
  if (findings.violations.length > 0) {
    throw new ParamdError({ reason: 'INVALID_FIELD', violations: findings.violations });
  }
  if (findings.exceeded !== undefined) throw new ParamdError(findings.exceeded);
}

export function invalidField(field: string, description: string): ParamdError {
  return new ParamdError({ reason: 'INVALID_FIELD', violations: [{ field, description }] });
}
