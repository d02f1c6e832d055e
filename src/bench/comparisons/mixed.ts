import { besideEtcd } from './beside-etcd.ts';

export const mixed = besideEtcd({
  name: 'mixed',
  title: '95 % GetParameter, 5 % SetParameter, 128 in flight',
  operation: 'mixed',
  inFlight: 128,
  batch: 1,
});
