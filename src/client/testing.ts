// For the unit tests of programs that use paramd: the same client, with the servers in its memory.
export { failure } from './testing/failure.ts';
export {
  type MemoryCall,
  type MemoryClient,
  type MemoryClientSettings,
  type Method,
  memoryClient,
} from './testing/memory-client.ts';
