import { mock } from 'node:test';
import { expect } from 'chai';
import { type Measured, measure } from '../../src/bench/measure.ts';
import { fillNamespace } from '../../src/bench/namespace.ts';
import { type OpenWorkload, WrongAnswer } from '../../src/bench/workload.ts';
import { WORKLOADS } from '../../src/bench/workloads.ts';
import { connect, Event_Type, type ParamdClient, type WatchItem } from '../../src/client/index.ts';
import { startRealServer } from '../client/real-server.ts';
import { eventually } from '../e2e/eventually.ts';

// Figures are not asserted: what they are worth depends on these checks.

const VALUE_BYTES = 10;

/** A server that answers as it is told: the watch delivers what is sent, each set takes the next revision. */
function scriptedClient() {
  const items: WatchItem[] = [];
  let revision = 0n;
  let sent = Promise.withResolvers<void>();
  const send = (item: WatchItem) => {
    items.push(item);
    sent.resolve();
    sent = Promise.withResolvers<void>();
  };
  const client = {
    async set(key: string, value: string) {
      revision++;
      return { key, value: { kind: { $case: 'stringValue', value } }, revision };
    },
    async *watch(_selection: unknown, { signal }: { signal: AbortSignal }) {
      const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      while (!signal.aborted) {
        yield* items.splice(0);
        if (items.length === 0) await Promise.race([sent.promise, left]);
      }
    },
  };
  send({ kind: 'progress', revision: 0n });
  return { client: client as unknown as ParamdClient, send };
}

function changes(...revisions: readonly bigint[]): WatchItem {
  const events = revisions.map((revision) => ({
    type: Event_Type.TYPE_PUT as Event_Type,
    revision,
    parameter: undefined,
    previous: undefined,
  }));
  return { kind: 'changes', events, revision: revisions.at(-1)! };
}

describe('the watch workload', () => {
  async function opened() {
    const { client, send } = scriptedClient();
    const namespace = { client, prefix: 'bench:', keys: ['bench:1'], valueBytes: VALUE_BYTES, batch: 1 };
    return { send, workload: await WORKLOADS.watch!(namespace, never) };
  }

  it('is content with every event once and in order, before the answer or after it', async () => {
    const { send, workload } = await opened();
    send(changes(1n));
    const calls = Promise.all([workload.call(0), workload.call(1), workload.call(2)]);
    send(changes(2n));
    send(changes(3n));
    await calls;
    await workload.close?.();
  });

  for (const [name, then] of [
    ['a later event', changes(2n)],
    ['progress beyond it', { kind: 'progress', revision: 1n }],
  ] as const) {
    it(`C10: finds an event lost at ${name}`, async () => {
      const { send, workload } = await opened();
      const call = failureOf(workload.call(0));
      send(then);
      expect(await call).to.equal('an event did not come');
      await workload.close?.().catch(() => {});
    });
  }

  it('C10: finds an event lost when nothing comes any more', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { workload } = await opened();
      const call = failureOf(workload.call(0));
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      mock.timers.tick(5_000);
      expect(await call).to.equal('an event did not come');
      await workload.close?.();
    } finally {
      mock.timers.reset();
    }
  });

  for (const [name, doubled] of [
    ['twice', [changes(1n), changes(1n)]],
    ['after a later one', [changes(2n), changes(1n)]],
    ['twice in one response', [changes(1n, 1n)]],
  ] as const) {
    it(`C10: finds an event that comes ${name}`, async () => {
      const { send, workload } = await opened();
      for (const item of doubled) send(item);
      const problems: string[] = [];
      // The first calls may have their events; from the second one on the watch is at an end.
      await eventually(async () => {
        problems.push(await failureOf(workload.call(0)));
        return problems.includes('an event came twice, or after a later one');
      });
      await workload.close?.().catch(() => {});
    });
  }

  it('waits no longer for a watch that does not begin, once it is interrupted', async () => {
    const interruption = new AbortController();
    const client = connect({ target: '127.0.0.1:1' });
    const namespace = { client, prefix: 'bench:', keys: ['bench:1'], valueBytes: VALUE_BYTES, batch: 1 };
    const opening = WORKLOADS.watch!(namespace, interruption.signal) as Promise<unknown>;
    interruption.abort(new Error('SIGINT'));
    expect(await opening.catch((error: Error) => error.message)).to.equal('SIGINT');
    client.close();
  });

  it('finds an event of a set that nobody made', async () => {
    const { send, workload } = await opened();
    send(changes(1n, 2n));
    await workload.call(0);
    expect(await failureOf(workload.close!())).to.equal('an event came of a set that nobody made');
  });
});

describe('workloads against a server that tells something else', () => {
  const lies: Record<string, (client: ParamdClient) => Partial<ParamdClient>> = {
    get: (client) => ({ get: (_key) => client.get('bench:00000001') }),
    batch: (client) => ({ getMany: (keys) => client.getMany(keys.slice(1)) }),
    list: (client) => ({ list: (prefix) => client.list(prefix, { pageSize: 1 }) }),
    set: (client) => ({ set: async (key, value) => ({ ...(await client.set(key, value)), revision: 1n }) }),
    commit: (client) => ({ commit: async (operations) => ({ ...(await client.commit(operations)), revision: 1n }) }),
    watch: (client) => ({
      watch: (_selection, settings) =>
        client.watch({ prefixes: ['elsewhere:'] }, { ...settings, progressIntervalMs: 100 }),
    }),
  };

  for (const name of Object.keys(WORKLOADS)) {
    it(`${name} has figures of a true one, and none of the other`, async () => {
      const server = await startRealServer();
      const client = connect({ target: server.target });
      try {
        const keys = await fillNamespace(client, { prefix: 'bench:', count: 20, valueBytes: 10 }, never);
        const measured = async (by: ParamdClient) =>
          run(WORKLOADS[name]!, { client: by, prefix: 'bench:', keys, valueBytes: VALUE_BYTES, batch: 5 });
        expect([...(await measured(client)).failures.keys()]).to.deep.equal([]);
        const { figures, failures } = await measured({ ...client, ...lies[name]!(client) });
        expect(failures.size).to.be.greaterThan(0);
        expect(figures).to.equal(undefined);
      } finally {
        client.close();
        await server.close();
      }
    });
  }

  it('stops a workload of which nothing goes well', async () => {
    let calls = 0;
    const hopeless: OpenWorkload = () => ({
      name: 'hopeless',
      call: async () => {
        calls++;
        throw new WrongAnswer('never');
      },
    });
    const namespace = { client: {} as ParamdClient, prefix: '', keys: [], valueBytes: 1, batch: 1 };
    const { failures } = await run(hopeless, namespace, 3_600_000);
    expect([...failures]).to.deep.equal([['never', { count: 100, example: 'never' }]]);
    expect(calls).to.be.within(100, 104);
  });
});

const never = new AbortController().signal;

function run(open: OpenWorkload, namespace: Parameters<OpenWorkload>[0], durationMs = 100): Promise<Measured> {
  return measure(open, namespace, { durationMs, inFlight: 4, signal: never, onProgress: () => {} });
}

async function failureOf(call: Promise<void>): Promise<string> {
  return call.then(
    () => '',
    (error: Error) => error.message,
  );
}
