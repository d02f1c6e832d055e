import { create } from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

const PACKAGE = '.grpc.health.v1';
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** grpc/health/v1/health.proto, for reflection: with it, grpcurl can call the health service. */
export function healthDescriptor(): FileDescriptorProto {
  const text = { type: Type.STRING, label: Label.OPTIONAL };
  const response = { type: Type.MESSAGE, label: Label.OPTIONAL, typeName: `${PACKAGE}.HealthCheckResponse` };
  return create(FileDescriptorProtoSchema, {
    name: 'grpc/health/v1/health.proto',
    package: 'grpc.health.v1',
    syntax: 'proto3',
    messageType: [
      { name: 'HealthCheckRequest', field: [{ name: 'service', number: 1, ...text }] },
      {
        name: 'HealthCheckResponse',
        field: [
          {
            name: 'status',
            number: 1,
            type: Type.ENUM,
            label: Label.OPTIONAL,
            typeName: `${PACKAGE}.HealthCheckResponse.ServingStatus`,
          },
        ],
        enumType: [{ name: 'ServingStatus', value: STATUSES.map((name, number) => ({ name, number })) }],
      },
      { name: 'HealthListRequest' },
      {
        name: 'HealthListResponse',
        field: [
          {
            name: 'statuses',
            number: 1,
            type: Type.MESSAGE,
            label: Label.REPEATED,
            typeName: `${PACKAGE}.HealthListResponse.StatusesEntry`,
          },
        ],
        nestedType: [
          {
            name: 'StatusesEntry',
            field: [
              { name: 'key', number: 1, ...text },
              { name: 'value', number: 2, ...response },
            ],
            options: { mapEntry: true },
          },
        ],
      },
    ],
    service: [
      {
        name: 'Health',
        method: [
          method('Check', 'HealthCheckRequest', 'HealthCheckResponse'),
          method('List', 'HealthListRequest', 'HealthListResponse'),
          { ...method('Watch', 'HealthCheckRequest', 'HealthCheckResponse'), serverStreaming: true },
        ],
      },
    ],
  });
}

function method(name: string, request: string, response: string) {
  return { name, inputType: `${PACKAGE}.${request}`, outputType: `${PACKAGE}.${response}` };
}
