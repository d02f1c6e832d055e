import { startPostgres, type TestServer } from '../support/servers.ts';
import { startFleet } from './replicas.ts';
import { int } from './rpc.ts';

export interface PrimaryAndCopy {
  readonly primary: TestServer;
  /** Stopped. Started once the primary is dead, it is the failover that misses what came since. */
  readonly copy: TestServer;
  /** Names both hosts. */
  readonly url: string;
}

/** Revisions 1 to 5, of the key "a", are on both, and only the primary runs. */
export async function primaryAndCopy(closing: (() => Promise<void>)[]): Promise<PrimaryAndCopy> {
  const primary = await startPostgres();
  closing.push(() => primary.close());
  const fleet = await startFleet({ count: 1, databaseUrl: primary.url });
  for (let at = 1; at <= 5; at++) await fleet.replicas[0]!.set({ key: 'a', value: int(at) });
  await fleet.close();
  await primary.stop();
  const copy = await startPostgres({ copyOf: primary });
  closing.push(() => copy.close());
  await copy.stop();
  await primary.start();
  const hosts = `${new URL(primary.url).host},${new URL(copy.url).host}`;
  return { primary, copy, url: primary.url.replace(new URL(primary.url).host, hosts) };
}
