// grpc.health.v1.Health: three small messages, written by hand. The package grpc-health-check has no end to its Watch and
// no bound on what a client that does not read costs; here it is a stream as all others.

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { status as Code } from '@grpc/grpc-js';
import { invalidField } from '../findings.ts';
import { handleStream, type Stream } from '../handle-stream.ts';
import type { Runtime } from '../runtime.ts';
import { CallStatusError } from '../status-table.ts';
import { definitionOf, type Service } from './service.ts';

const NAME = 'grpc.health.v1.Health';
/** The process as a whole, and its services. They serve together. */
const SERVICES = ['', 'parameter.v1.ParameterService', 'parameter.v1.CacheService'];
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** Who wants to know whether this replica serves. */
export interface Serving {
  is: boolean;
  readonly changed: Set<() => void>;
}

export function setServing(serving: Serving, is: boolean): void {
  if (serving.is === is) return;
  serving.is = is;
  for (const tell of [...serving.changed]) tell();
}

export function healthService(runtime: Runtime, serving: Serving): Service {
  const statusOfService = (isKnown: boolean): number =>
    isKnown ? (serving.is ? SERVING : NOT_SERVING) : SERVICE_UNKNOWN;

  const check = (request: Buffer): Buffer => {
    const status = statusOfService(isKnownService(request));
    if (status === SERVICE_UNKNOWN) throw new CallStatusError(Code.NOT_FOUND, 'this server has no such service');
    return checkResponse(status);
  };

  const list = (): Buffer => {
    const writer = new BinaryWriter();
    for (const service of SERVICES) {
      writer.uint32(0x0a).fork();
      writer.uint32(0x0a).string(service);
      writer
        .uint32(0x12)
        .bytes(checkResponse(statusOfService(true)))
        .join();
    }
    return Buffer.from(writer.finish());
  };

  const watch: Stream<boolean> = async (isKnown, { signal }, send) => {
    let sent: number | undefined;
    for (;;) {
      const status = statusOfService(isKnown);
      if (status !== sent) await send(checkResponse(status));
      else await nextChange(serving, signal);
      sent = status;
    }
  };

  return {
    unary: [
      { path: `/${NAME}/Check`, answer: check, admission: 'always' },
      { path: `/${NAME}/List`, answer: list, admission: 'always' },
    ],
    definition: definitionOf(NAME, { Watch: 'stream' }),
    streams: { Watch: handleStream(runtime, `/${NAME}/Watch`, isKnownService, watch, 'always') },
  };
}

function nextChange({ changed }: Serving, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      changed.delete(tell);
      signal.removeEventListener('abort', leave);
    };
    const tell = (): void => {
      settle();
      resolve();
    };
    const leave = (): void => {
      settle();
      reject(signal.reason);
    };
    if (signal.aborted) return reject(signal.reason);
    changed.add(tell);
    signal.addEventListener('abort', leave);
  });
}

/** Whether it is asked for one that there is. */
function isKnownService(request: Buffer): boolean {
  return SERVICES.includes(serviceAsked(request));
}

/** Field 1 of HealthCheckRequest. */
function serviceAsked(request: Buffer): string {
  try {
    const reader = new BinaryReader(request);
    let service = '';
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1 && wireType === 2) service = reader.string();
      else reader.skip(wireType, field);
    }
    return service;
  } catch {
    throw invalidField('', 'the bytes are no grpc.health.v1.HealthCheckRequest');
  }
}

function checkResponse(status: number): Buffer {
  return Buffer.from([0x08, status]);
}
