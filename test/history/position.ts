/**
 * Where a revision stands among all that ever were: 0, 1, 2 … over the eras as they are listed. Each era also has one for
 * "all that it began with". Arrays are indexed by it, which bigints cannot do.
 */
export type Position = number;

/** Of a revision that never was. */
export const NOWHERE = -1;
