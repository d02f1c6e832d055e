import { besideEtcd } from './beside-etcd.ts';

export const commit = besideEtcd({
  name: 'commit',
  title: 'Commit of 100 sets (of etcd: Txn of 100 puts), durable, 4 in flight: sets per second',
  operation: 'writeMany',
  inFlight: 4,
  batch: 100,
});
