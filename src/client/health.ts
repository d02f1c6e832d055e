import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { CallOptions, Client, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';

const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
export type HealthStatus = (typeof STATUSES)[number];

/** `grpc.health.v1.Health/Check`. Two fields in all, hence by hand. An unknown service is NOT_FOUND. */
export function checkHealth(
  client: Client,
): (
  service: string,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: HealthStatus) => void,
) => ClientUnaryCall {
  return (service, metadata, options, callback) =>
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encode,
      decode,
      service,
      metadata,
      options,
      (error, health) => callback(error, health ?? 'UNKNOWN'),
    );
}

function encode(service: string): Buffer {
  return Buffer.from(new BinaryWriter().uint32(10).string(service).finish());
}

function decode(bytes: Buffer): HealthStatus {
  const reader = new BinaryReader(bytes);
  let health: HealthStatus = 'UNKNOWN';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === 0) health = STATUSES[reader.int32()] ?? 'UNKNOWN';
    else reader.skip(wireType, field);
  }
  return health;
}
