// The other side of a benchmark: a replica, or an echo that costs no more than gRPC itself, each in its own process, as
// in production. Told what to be by its first message, answers with its port, and ends when its parent has gone.
import { Server as GrpcServer, type Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadConfig } from '../config/load-config.ts';
import { startReplica } from '../main.ts';

export type ServerOrder =
  | { readonly kind: 'replica'; readonly env: Readonly<Record<string, string>> }
  /** Answers every call of these paths with the bytes behind it, in base64. */
  | { readonly kind: 'echo'; readonly responses: Readonly<Record<string, string>> };

export interface ServerReady {
  readonly port: number;
  /** Where it tells Prometheus of itself; an echo does not. */
  readonly httpPort?: number;
}

process.once('message', async (order: ServerOrder) => {
  const { stop, ...ready } = order.kind === 'replica' ? await replica(order.env) : await echo(order.responses);
  process.once('disconnect', () => void stop().then(() => process.exit(0)));
  process.send?.(ready satisfies ServerReady);
});
// Ctrl-C reaches every process of the terminal; the parent decides when this one ends.
process.on('SIGINT', () => {});

async function replica(env: Readonly<Record<string, string>>) {
  const config = loadConfig(env, { embeddedAllowed: false });
  const { port, httpPort, stop } = await startReplica({ config, version: 'bench' });
  return { port, httpPort, stop };
}

async function echo(responses: Readonly<Record<string, string>>) {
  const server: Server = new GrpcServer({ 'grpc.enable_channelz': 0 });
  for (const [path, base64] of Object.entries(responses)) {
    const response = Buffer.from(base64, 'base64');
    const name = path.slice(path.lastIndexOf('/') + 1);
    const service: ServiceDefinition = { [name]: { path, ...streamless, ...asBytes } };
    server.addService(service, {
      [name]: (_call: unknown, respond: (error: null, bytes: Buffer) => void) => respond(null, response),
    });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, stop: async () => server.forceShutdown() };
}

const streamless = { requestStream: false, responseStream: false };
const asIs = (bytes: Buffer): Buffer => bytes;
const asBytes = {
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};
