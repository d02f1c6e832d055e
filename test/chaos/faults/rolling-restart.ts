import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ParamdClient, ParamdRpcError } from '../../../src/client/index.ts';
import { repeating } from '../../e2e/eventually.ts';
import { told } from '../../e2e/rpc.ts';
import { newFolder } from '../../support/servers.ts';
import { compileThisBuild, unpackPreviousBuild } from '../other-build.ts';
import type { Site } from '../site.ts';
import { judged } from './judged.ts';

const CLIENTS = 4;
/** As an orchestrator leaves between two. */
const PAUSE_MS = 300;

/** One replica after the other is ended in order and started as the previous build, and then as the present one again. */
export const rollingRestart = judged({
  name: 'rolling restart with the previous build',
  group: 'replica',
  also: 'no unary call of a client with all addresses fails; exit code 0 after SIGTERM',
  async inject(site, _scale, demand) {
    const folders = [newFolder('build'), newFolder('build')] as const;
    try {
      const compiled = compileThisBuild(folders[0]);
      const previous = unpackPreviousBuild(folders[1]);
      site.tell(
        `the previous build is ${previous === undefined ? 'not to be had: the present one, compiled' : previous.name}`,
      );
      const users = Array.from({ length: CLIENTS }, (_, at) => startUser(site, at));
      for (const program of [previous?.program ?? compiled, compiled]) {
        for (const replica of site.replicas) {
          const how = await replica.stop();
          demand(how === 'exit code 0', `C14: ${replica.name} ended with ${how} after SIGTERM`);
          await replica.start({}, program);
          await sleep(PAUSE_MS);
        }
      }
      await Promise.all(users.map(({ stop }) => stop()));
      const failures = users.flatMap((user) => user.failures);
      site.note(
        'calls of clients',
        users.reduce((sum, { calls }) => sum + calls, 0),
        'count',
      );
      site.note('failed calls of clients', failures.length, 'count');
      demand(failures.length === 0, `${failures.length} unary calls failed: ${[...new Set(failures)].join('; ')}`);
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** A program with paramd's own client, all addresses, and nothing of its own against errors. */
function startUser(site: Site, at: number) {
  const target = site.replicas.map(({ links }) => `127.0.0.1:${links.clients.port}`).join(',');
  const client = connect({ target });
  const failures: string[] = [];
  let calls = 0;
  const running = repeating(async (count) => {
    calls++;
    await callAny(client, `fault:rolling:${at}`, count).catch((error: unknown) => {
      failures.push(error instanceof ParamdRpcError ? `${told(error)}: ${error.message}` : String(error));
    });
  });
  return {
    failures,
    get calls() {
      return calls;
    },
    stop: () => running.stop().finally(() => client.close()),
  };
}

async function callAny(client: ParamdClient, key: string, count: number): Promise<unknown> {
  if (count === 0 || count % 5 === 0) return client.set(key, String(count));
  if (count % 7 === 0) return client.getMany([key]);
  return client.get(key);
}
