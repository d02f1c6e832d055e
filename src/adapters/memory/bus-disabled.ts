import type { Bus } from '../../ports/bus.ts';

/** No Valkey configured: announcements go nowhere, and the tailer's polls find every change. */
export const disabledBus: Bus = {
  publish: () => {},
  listen: () => {},
  state: () => 'disabled',
  suspect: () => {},
  close: async () => {},
};
