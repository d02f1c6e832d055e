import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { storeContract } from '../../contract/store.ts';

storeContract('MemoryStore', async () => {
  let wallMs = 1_790_000_000_000;
  const clock = { monotonicMs: () => wallMs, wallMs: () => wallMs, setTimer: () => ({ cancel: () => {} }) };
  const store = new MemoryStore({ clock, random: Math.random });
  return {
    store,
    age: async (ms) => {
      wallMs += ms;
    },
    close: () => store.close(),
  };
});
