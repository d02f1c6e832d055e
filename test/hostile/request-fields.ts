import { createFileRegistry, type DescField, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorImage } from '../../src/rpc/descriptor-image.ts';
import { METHODS, type Method } from './methods.ts';

/** A field that a request may carry, at any depth. */
export interface RequestField {
  /** "GetParameterRequest.consistency.max_staleness" */
  readonly path: string;
  readonly method: Method;
  /** From the field of the request itself down to this one. */
  readonly numbers: readonly number[];
  /** 0 for what is a varint, 1 and 5 for fixed sizes, 2 for what has a length. */
  readonly wireType: number;
}

/** All fields of all requests, from the descriptors that the server is built from. */
export function requestFields(): RequestField[] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorImage()));
  const methods = [...registry].flatMap((type) =>
    type.kind === 'service' && type.file.proto.package === 'parameter.v1' ? type.methods : [],
  );
  const unknown = methods.filter(({ name }) => !(name in METHODS));
  if (unknown.length > 0) throw new Error(`test/hostile/methods.ts lacks ${unknown.map(({ name }) => name)}`);
  return methods.flatMap(({ name, input }) => fieldsOf(input, input.name, name as Method, []));
}

function fieldsOf(message: DescMessage, path: string, method: Method, above: readonly number[]): RequestField[] {
  return message.fields.flatMap((field) => {
    const own: RequestField = {
      path: `${path}.${field.name}`,
      method,
      numbers: [...above, field.number],
      wireType: wireTypeOf(field),
    };
    return [own, ...below(field, own)];
  });
}

function below(field: DescField, { path, method, numbers }: RequestField): RequestField[] {
  if (field.fieldKind === 'map') {
    const parts = ['key', 'value'];
    return parts.map((name, at) => ({ path: `${path}.${name}`, method, numbers: [...numbers, at + 1], wireType: 2 }));
  }
  return field.message === undefined ? [] : fieldsOf(field.message, path, method, numbers);
}

function wireTypeOf(field: DescField): number {
  const lengthDelimited = ['string', 'bytes'];
  if (field.fieldKind === 'message' || field.fieldKind === 'map' || field.message !== undefined) return 2;
  const name = field.proto.type === undefined ? '' : SCALARS[field.proto.type];
  if (lengthDelimited.includes(name ?? '')) return 2;
  return name === 'double' ? 1 : 0;
}

/** Those of google.protobuf.FieldDescriptorProto.Type that are not varints. */
const SCALARS: Readonly<Record<number, string>> = { 1: 'double', 9: 'string', 12: 'bytes' };
