/** One setting: where it is read from, what is acceptable, and the line that documents it. */
export interface Setting<T> {
  readonly variable: string;
  /** One sentence for the table of settings. */
  readonly about: string;
  /** Completes "must be …". */
  readonly expects: string;
  readonly initial: T;
  /** `initial` as the table shows it. */
  readonly initialText: string;
  /** Undefined: not acceptable. */
  parse(text: string): NonNullable<T> | undefined;
  /** For people and logs; never shows a secret. */
  print(value: NonNullable<T>): string;
}

/** What a server binds: `127.0.0.1:50051`, `[::1]:50051`; port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export function wholeNumber(
  variable: string,
  initial: number,
  range: readonly [min: number, max: number],
  about: string,
): Setting<number> {
  const [min, max] = range;
  return {
    variable,
    about,
    expects: `a whole number from ${min} to ${max}`,
    initial,
    initialText: variable.endsWith('_BYTES') ? withBinaryUnit(initial) : String(initial),
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
    print: String,
  };
}

export function choice<const T extends string>(
  variable: string,
  initial: NoInfer<T>,
  choices: readonly T[],
  about: string,
): Setting<T> {
  return {
    variable,
    about,
    expects: choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(', ')}`,
    initial,
    initialText: initial,
    parse: (text) => choices.find((one) => one === text) as NonNullable<T> | undefined,
    print: String,
  };
}

export function address(variable: string, initial: string, about: string): Setting<Address> {
  const first = parseAddress(initial);
  if (first === undefined) throw new TypeError(`${variable}: ${initial} is no address`);
  return {
    variable,
    about,
    expects: 'an address such as 127.0.0.1:50051 or [::1]:50051',
    initial: first,
    initialText: initial,
    parse: parseAddress,
    print: printAddress,
  };
}

/** Any text that `pattern` takes; undefined when not set. */
export function text(variable: string, expects: string, pattern: RegExp, about: string): Setting<string | undefined> {
  return {
    variable,
    about,
    expects,
    initial: undefined,
    initialText: '',
    parse: (given) => (pattern.test(given) ? given : undefined),
    print: String,
  };
}

/** May carry a password, so it is printed without user, password and options. */
export function secretUrl(variable: string, schemes: readonly string[], about: string): Setting<string | undefined> {
  const pattern = new RegExp(`^(${schemes.join('|')})://`);
  return {
    ...text(variable, `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`, pattern, about),
    print: withoutSecrets,
  };
}

/** Parts between commas, without the white space around them. */
export function list(variable: string, about: string): Setting<readonly string[]> {
  return {
    variable,
    about,
    expects: 'a list with commas in between',
    initial: [],
    initialText: '',
    parse: (given) =>
      given
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    print: (parts) => parts.join(','),
  };
}

export function printAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseAddress(given: string): Address | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(given);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** Only what can be told apart from a password for certain is shown. */
function withoutSecrets(url: string): string {
  const scheme = /^\w+/.exec(url)?.[0] ?? '';
  const match = /^\w+:\/\/(?:[^@/?#]*@)?([\w.\-[\]]*(?::\d+)?(?:,[\w.-]+(?::\d+)?)*)(\/[\w.-]*)?(?:[?#][^@]*)?$/.exec(
    url,
  );
  return match === null ? `${scheme}://(hidden)` : `${scheme}://${match[1]}${match[2] ?? ''}`;
}

function withBinaryUnit(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes} (${bytes / 2 ** 20} MiB)`;
  return bytes >= 2 ** 10 && bytes % 2 ** 10 === 0 ? `${bytes} (${bytes / 2 ** 10} KiB)` : String(bytes);
}
