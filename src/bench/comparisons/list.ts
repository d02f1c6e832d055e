import { besideEtcd } from './beside-etcd.ts';

export const list = besideEtcd({
  name: 'list',
  title: 'ListParameters, the first 100 of 10,000, 16 in flight: parameters per second',
  operation: 'list',
  inFlight: 16,
  batch: 100,
});
