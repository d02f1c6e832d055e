import { openCalls } from './calls-load.ts';
import { openEvents } from './events-load.ts';
import type { Load } from './load.ts';
import type { LoadOrder } from './load-order.ts';
import { openPostgresLoad } from './postgres-load.ts';
import { openResume } from './resume-load.ts';
import { openValkeyLoad } from './valkey-load.ts';
import { openWatchers } from './watchers-load.ts';

export async function openLoad(order: LoadOrder): Promise<Load> {
  switch (order.kind) {
    case 'calls':
      return openCalls(order);
    case 'valkey':
      return openValkeyLoad(order);
    case 'postgres':
      return openPostgresLoad(order);
    case 'events':
      return openEvents(order);
    case 'resume':
      return openResume(order);
    case 'watchers':
      return openWatchers(order);
  }
}
