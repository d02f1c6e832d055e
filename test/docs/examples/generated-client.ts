import { credentials } from '@grpc/grpc-js';
import {
  ParameterServiceClient,
  SetParameterRequest,
  WatchRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';

const client = new ParameterServiceClient(process.argv[2] ?? '127.0.0.1:50051', credentials.createInsecure());
const value = { kind: { $case: 'intValue', value: 20n } } as const;
const watch = client.watch(WatchRequest.fromPartial({ keys: ['app:limits:burst'] }));
for await (const { events, revision } of watch) {
  for (const { parameter } of events) console.log('seen', parameter?.key, '=', parameter?.value?.kind?.value);
  if (events.length > 0) break;
  // The first response comes at once, without events: from this revision on nothing is missed.
  console.log('watching from revision', revision + 1n);
  client.setParameter(SetParameterRequest.fromPartial({ key: 'app:limits:burst', value }), (error, written) => {
    console.log(error ?? `set at revision ${written.parameter?.revision}`);
  });
}
watch.cancel();
client.close();
