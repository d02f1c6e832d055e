// For those who call without types: what protobuf would quietly make something else of, such as the key "undefined".

/** @throws TypeError */
export function keyOf(key: string): string {
  if (typeof key !== 'string') throw new TypeError('a key is a string, such as app:config:max_users');
  return key;
}

/** @throws TypeError that names the setting */
export function revisionOf<T extends bigint | undefined>(name: string, revision: T): T {
  if (revision !== undefined && typeof revision !== 'bigint') throw new TypeError(`${name} is a bigint, such as 12n`);
  return revision;
}

/** @throws TypeError that names the setting */
export function msOf(name: string, ms: number): number {
  if (typeof ms !== 'number' || Number.isNaN(ms)) throw new TypeError(`${name} is a number of milliseconds`);
  return ms;
}
