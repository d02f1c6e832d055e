import { type Answer, WrongAnswer } from './dialect.ts';
import { dialectOf } from './dialects.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { Load } from './load.ts';
import type { ResumeOrder } from './load-order.ts';

/** Each call is a watch from that revision on, on a connection of its own, until it has all events up to now. */
export function openResume({ dialect, target, prefix, fromRevision, events }: ResumeOrder): Load {
  const { watch, watched } = dialectOf(dialect);
  const resume = () =>
    new Promise<Answer>((resolve, reject) => {
      const connection = new GrpcConnection(target);
      let expected = fromRevision;
      const take = (message: Buffer) => {
        for (const revision of watched(message).revisions) {
          if (revision !== expected) {
            connection.close();
            return reject(new WrongAnswer('an event is missing, came twice, or after a later one'));
          }
          expected++;
        }
        if (expected - fromRevision < events) return;
        connection.close();
        resolve({ operations: expected - fromRevision });
      };
      connection.stream(watch(prefix, fromRevision), take, reject);
    });
  return { call: resume, close: () => {} };
}
