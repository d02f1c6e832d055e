import { connect, fromValue, ParamdRpcError } from 'paramd/client';

const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051', actor: 'ada' });

// 20n is an int, 20 would be a double: the type decides the kind, and a key keeps its kind.
const first = await paramd.set('checkout:limits:burst', 20n, { labels: { team: 'checkout' } });
const { parameter, freshness } = await paramd.get('checkout:limits:burst');
console.log(fromValue(parameter?.value), 'by', parameter?.updatedBy);
console.log('reflects my write:', freshness.revision >= first.revision);

// Only if nobody was faster: give back the revision that you have read.
const second = await paramd.set('checkout:limits:burst', 25n, { ifRevision: first.revision });
try {
  await paramd.set('checkout:limits:burst', 99n, { ifRevision: first.revision });
} catch (error) {
  if (!(error instanceof ParamdRpcError) || error.reason !== 'REVISION_MISMATCH') throw error;
  console.log(error.reason, '- it is at the second:', error.currentRevision === second.revision);
}

// All of it at one revision, or nothing.
const { revision } = await paramd.commit(
  [
    { set: 'checkout:limits:burst', value: 30n },
    { set: 'checkout:limits:rate', value: 12.5 },
    { delete: 'checkout:limits:old', allowMissing: true },
  ],
  { conditions: [{ key: 'checkout:limits:burst', ifRevision: second.revision }] },
);

for await (const page of paramd.list('checkout:limits:')) {
  for (const { key, value } of page.parameters) console.log(key, '=', fromValue(value));
}

// Every change once and in order, over broken connections and restarts too. Leaving the loop ends the call.
for await (const item of paramd.watch({ prefixes: ['checkout:limits:'] }, { fromRevision: revision })) {
  if (item.kind !== 'changes') continue;
  for (const event of item.events) console.log('changed', event.parameter?.key);
  break;
}
paramd.close();
