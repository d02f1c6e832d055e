import type { Parameter } from '../../gen/parameter/v1/parameter.ts';
import { formatValue } from '../client/index.ts';
import { EXIT, Failure } from './failure.ts';

/** A parameter as a variable of an environment. */
export interface Variable {
  readonly name: string;
  readonly text: string;
  readonly key: string;
}

export interface Naming {
  /** Cut off the keys. A key has one variable for each of them that it begins with. */
  readonly prefixes: readonly string[];
  /** Put before all names. */
  readonly namePrefix?: string | undefined;
}

/**
 * They decide which programs run, and with what code in them: a parameter that happens to be called so must not, and
 * whoever may write parameters is not thereby allowed to.
 */
const DECIDES_WHAT_RUNS =
  /^(PATH|HOME|SHELL|IFS|ENV|BASH_ENV|SHELLOPTS|PS4|PROMPT_COMMAND|GCONV_PATH|CLASSPATH|(LD|DYLD)_.*|NODE_(OPTIONS|PATH)|PYTHON(PATH|HOME|STARTUP)|PERL5(LIB|OPT|DB)|RUBY(LIB|OPT)|(_JAVA|JAVA_TOOL|JDK_JAVA)_OPTIONS|GIT_.*)$/;

/**
 * From parameters to variables, one after the other: the rest of the key behind the prefix, in capitals, with _ for
 * everything else than A to Z, 0 to 9 and _, and before a leading digit.
 * @throws Failure where two keys would have one name, or a value fits into no variable
 */
export function variables({ prefixes, namePrefix = '' }: Naming): (parameter: Parameter) => readonly Variable[] {
  const keys = new Map<string, string>();
  return ({ key, value }) => {
    const rests = [...new Set(prefixes)].filter((prefix) => key.startsWith(prefix)).map((p) => key.slice(p.length));
    return rests.map((rest) => {
      const name = nameOf(rest, namePrefix, key);
      const other = keys.get(name);
      if (other !== undefined && other !== key) {
        throw new Failure(
          EXIT.error,
          `${other} and ${key} would both be ${name}; choose a prefix that has one of them`,
        );
      }
      keys.set(name, key);
      return { name, text: textOf(key, value), key };
    });
  };
}

/** @throws Failure if no variable can be called so */
export function checkNamePrefix(namePrefix: string | undefined): void {
  if (namePrefix === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(namePrefix)) return;
  throw new Failure(EXIT.usage, `--name-prefix ${namePrefix}: only letters, digits and _ make names, APP_ for example`);
}

function nameOf(rest: string, namePrefix: string, key: string): string {
  if (rest === '') throw new Failure(EXIT.error, `${key} has nothing behind the prefix that could be a name`);
  const name = namePrefix + rest.toUpperCase().replace(/[^A-Z0-9_]/gu, '_');
  if (DECIDES_WHAT_RUNS.test(name)) {
    const way = 'add --name-prefix, APP_ for example';
    throw new Failure(EXIT.error, `${key} would be ${name}, which decides what programs do; ${way}`);
  }
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function textOf(key: string, value: Parameter['value']): string {
  if (value?.kind === undefined) throw new Failure(EXIT.error, `${key} is of a kind newer than this paramd: update it`);
  const text = formatValue(value);
  if (text.includes('\0')) throw new Failure(EXIT.error, `${key} has a NUL in it, which no variable can hold`);
  return text;
}
