import type { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { type Naming, variables } from '../variables.ts';
import type { Environment } from './program.ts';

/** What is set already, and the parameters over it, or under it. @throws Failure as `variables` does */
export function environmentOf(
  present: Environment,
  parameters: readonly Parameter[],
  naming: Naming,
  keepPresent: boolean,
): Environment {
  const variablesOf = variables(naming);
  const entries = parameters.flatMap(variablesOf).map(({ name, text }) => [name, text] as const);
  const own = Object.fromEntries(entries);
  return keepPresent ? { ...own, ...present } : { ...present, ...own };
}

/** Names of the variables that differ. */
export function changedNames(before: Environment, after: Environment): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}
