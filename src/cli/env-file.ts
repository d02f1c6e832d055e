// Problem: a line that a shell (`set -a; . file`) and parsers of .env files read as the same value. They agree on little:
// in double quotes shells expand $ and parsers \n, `'\''` is for shells alone, docker takes no quotes at all. Naive
// answer: quote for the shell, and be read wrongly elsewhere without a word. Chosen answer: single quotes, in which both
// take everything as it is; double quotes where the value has a single one and nothing that is special in double ones;
// JSON spells the single quote as \u0027, which is the same text to JSON. What then is left cannot be written so that
// both read it, and is an error: `paramd exec` hands over every value.
import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { kindOf } from '../client/index.ts';
import { EXIT, Failure } from './failure.ts';
import type { Variable } from './variables.ts';

/** "NAME='value'". @throws Failure if not everybody would read it the same */
export function envLine({ name, text, key }: Variable, value: Parameter['value']): string {
  const kind = kindOf(value);
  const quotable = kind === 'json' || kind === 'list' ? text.replaceAll("'", '\\u0027') : text;
  if (!/['\r]/.test(quotable)) return `${name}='${quotable}'`;
  if (!/["$`\\\r]/.test(quotable)) return `${name}="${quotable}"`;
  const what = quotable.includes('\r') ? 'a carriage return' : 'a \' beside one of " $ ` \\';
  const way = '`paramd exec` hands over every value';
  throw new Failure(EXIT.error, `${key} has ${what}, which shells and .env parsers read differently; ${way}`);
}
