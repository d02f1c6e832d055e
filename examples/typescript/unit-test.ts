import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromValue, type ParamdClient, ParamdRpcError } from 'paramd/client';
import { failure, memoryClient } from 'paramd/client/testing';

/** Yours: raises a limit, and decides again when somebody else was faster. */
async function raise(paramd: ParamdClient, key: string, by: bigint): Promise<bigint> {
  const { parameter } = await paramd.get(key);
  const raised = (fromValue(parameter?.value) as bigint) + by;
  try {
    await paramd.set(key, raised, { ifRevision: parameter?.revision });
    return raised;
  } catch (error) {
    if (error instanceof ParamdRpcError && error.reason === 'REVISION_MISMATCH') return raise(paramd, key, by);
    throw error;
  }
}

test('decides again when somebody else was faster', async () => {
  const paramd = memoryClient({ 'app:limit': 100n });
  paramd.failNext('set', failure('REVISION_MISMATCH', { key: 'app:limit', currentRevision: '2' }));
  assert.equal(await raise(paramd, 'app:limit', 10n), 110n);
  assert.deepEqual(
    paramd.calls.map(({ method }) => method),
    ['get', 'set', 'get', 'set'],
  );
});

test('goes on with what is known while no server can be reached', async () => {
  const paramd = memoryClient({ 'app:limit': 100n });
  const cache = paramd.cache({ prefixes: ['app:'] });
  await cache.ready();
  paramd.unavailable = true;
  await paramd.advance(60_000); // a minute passes, and takes no time
  const { value, degraded } = cache.detail('number', 'app:limit', 1);
  assert.deepEqual({ value, degraded }, { value: 100, degraded: true });
});
