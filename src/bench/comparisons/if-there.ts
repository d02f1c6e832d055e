import type { BenchServer } from '../bench-server.ts';
import type { Series } from '../compare/comparison.ts';

/** The series of a server that not every machine has. */
export async function ifThere(
  server: BenchServer | undefined,
  series: (server: BenchServer) => Promise<Series>,
): Promise<Series[]> {
  return server === undefined ? [] : [await series(server)];
}
