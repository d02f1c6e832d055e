import type { SharedCache } from '../../ports/shared-cache.ts';

/** No Valkey configured: every lookup is a miss, nothing is kept. */
export const disabledSharedCache: SharedCache = {
  get: async () => undefined,
  getMany: async () => new Map(),
  put: async () => false,
  sample: async () => [],
  drop: async () => {},
  useEpoch: () => {},
  close: async () => {},
};
