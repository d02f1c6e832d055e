import { randomUUID } from 'node:crypto';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Freshness, Tier } from '../../../gen/parameter/v1/freshness.ts';
import {
  GetParameterRequest,
  ParameterServiceService,
  SetParameterRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';
import type { GrpcCaller } from './grpc-caller.ts';
import type { Peer } from './load.ts';

const { path: GET } = ParameterServiceService.getParameter;
const { path: SET } = ParameterServiceService.setParameter;
const FRESHNESS_TAG = (2 << 3) | 2;

interface Server {
  readonly grpc: GrpcCaller;
  cpuMs(): number | undefined;
}

/** GetParameter of one key after the other. */
export function reads(name: string, keys: readonly string[], { grpc, cpuMs }: Server): Peer {
  const requests = keys.map(getRequest);
  return {
    name,
    cpuMs,
    call: async (index) => TIERS[tierOf(await grpc.call(GET, requests[index % requests.length]!))],
  };
}

/** SetParameter of one key after the other, each with a request_id as the shipped client sends it. */
export function writes(name: string, keys: readonly string[], { grpc, cpuMs }: Server): Peer {
  return {
    name,
    cpuMs,
    call: async (index) => {
      await setBytes(keys[index % keys.length]!, storedText(index), grpc);
      return undefined;
    },
  };
}

/** For an echo: the same bytes each way as in the calls above, and nothing done in between. */
export async function recordedResponses(key: string, grpc: GrpcCaller): Promise<Record<string, string>> {
  const set = await setBytes(key, storedText(0), grpc);
  const get = await getBytes(key, grpc);
  return { [GET]: get.toString('base64'), [SET]: set.toString('base64') };
}

/** The bytes that answer a read of this key. */
export function getBytes(key: string, grpc: GrpcCaller): Promise<Buffer> {
  return grpc.call(GET, getRequest(key));
}

/** What is stored: 100 characters. */
export function storedText(index: number): string {
  return String(index).padStart(100, 'v');
}

export function setBytes(key: string, text: string, grpc: GrpcCaller): Promise<Buffer> {
  const request = Buffer.from(
    SetParameterRequest.encode({
      key,
      value: { kind: { $case: 'stringValue', value: text } },
      cacheTtl: undefined,
      labels: new Map(),
      removeLabels: [],
      ifRevision: undefined,
      requestId: randomUUID(),
      validateOnly: false,
      allowKindChange: false,
    }).finish(),
  );
  return grpc.call(SET, request);
}

function getRequest(key: string): Buffer {
  return Buffer.from(GetParameterRequest.encode({ key, consistency: undefined }).finish());
}

const TIERS: Readonly<Record<number, string>> = {
  [Tier.TIER_NEAR_CACHE]: 'near cache',
  [Tier.TIER_SHARED_CACHE]: 'shared cache',
  [Tier.TIER_STORE]: 'store',
};

/** Of the bytes of a GetParameterResponse; the parameter is skipped. */
function tierOf(response: Buffer): number {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === FRESHNESS_TAG) return Freshness.decode(reader, reader.uint32()).servedFrom;
    reader.skip(tag & 7);
  }
  return 0;
}
