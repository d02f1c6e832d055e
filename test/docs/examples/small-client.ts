import { connect } from '../../../src/client/index.ts';

const paramd = connect({ target: process.argv[2] ?? '127.0.0.1:50051' });
const written = await paramd.set('app:limits:burst', 20n, { labels: new Map([['team', 'checkout']]) });
const { parameter, freshness } = await paramd.get('app:limits:burst', { atLeastRevision: written.revision });
console.log(parameter?.value?.kind?.value, 'as of revision', freshness.revision);

// Once and in order, also over broken connections; the snapshot comes first.
for await (const item of paramd.watch({ prefixes: ['app:limits:'] }, { initial: true })) {
  if (item.kind === 'snapshot') console.log('now', item.parameters.length, 'parameters');
  if (item.kind === 'changes') for (const { parameter } of item.events) console.log('changed', parameter?.key);
  break;
}
paramd.close();
