// For the unit tests of programs that use paramd: the same client, with the servers in its memory.
export { failure } from './testing/failure.ts';
export { type MemoryClient, type MemoryClientSettings, memoryClient } from './testing/memory-client.ts';
export type { MemoryCall, Method } from './testing/server-link.ts';
