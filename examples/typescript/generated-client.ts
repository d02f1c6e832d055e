import { credentials } from '@grpc/grpc-js';
import { ParameterServiceClient, SetParameterRequest, WatchRequest } from '../../gen/parameter/v1/parameter_service.ts';

const target = process.env.PARAMD_TARGET ?? '127.0.0.1:50051';
const client = new ParameterServiceClient(target, credentials.createInsecure());
const value = { kind: { $case: 'intValue', value: 20n } } as const;
const watch = client.watch(WatchRequest.fromPartial({ keys: ['app:generated:burst'] }));
for await (const { events } of watch) {
  for (const { parameter } of events) console.log('seen', parameter?.key, '=', parameter?.value?.kind?.value);
  if (events.length > 0) break;
  // The first response comes at once, without events: from here on nothing is missed.
  client.setParameter(SetParameterRequest.fromPartial({ key: 'app:generated:burst', value }), (error, written) => {
    console.log(error ?? `set to version ${written.parameter?.version}`);
  });
}
watch.cancel();
client.close();
