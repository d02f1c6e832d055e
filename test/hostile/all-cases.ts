import { floodCases } from './cases/floods.ts';
import { grpcCases } from './cases/grpc.ts';
import { http2Cases } from './cases/http2.ts';
import { protobufCases } from './cases/protobuf.ts';
import { requestCases } from './cases/requests.ts';
import type { HostileCase } from './hostile-case.ts';

export function allCases(): HostileCase[] {
  return [...http2Cases(), ...grpcCases(), ...protobufCases(), ...requestCases(), ...floodCases()];
}
