import type { Dialect } from './dialect.ts';
import { etcdDialect } from './etcd-dialect.ts';
import type { DialectName } from './load-order.ts';
import { paramdDialect } from './paramd-dialect.ts';

export function dialectOf(name: DialectName): Dialect {
  return name === 'paramd' ? paramdDialect : etcdDialect;
}
