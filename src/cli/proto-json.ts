import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, type FileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { packageRoot } from './package-root.ts';

let registry: FileRegistry | undefined;

/**
 * A message as canonical ProtoJSON in one line. ts-proto's own toJSON is something else: it cuts times to milliseconds,
 * prints durations as objects and drops a label named `__proto__`.
 * @param type such as "Parameter", of parameter.v1
 */
export function protoJson<T>(type: string, codec: { encode(message: T): BinaryWriter }, message: T): string {
  registry ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(join(packageRoot(), 'gen', 'image.binpb'))),
  );
  const schema = registry.getMessage(`parameter.v1.${type}`);
  if (schema === undefined) throw new Error(`parameter.v1.${type} is not in gen/image.binpb`);
  return JSON.stringify(toJson(schema, fromBinary(schema, codec.encode(message).finish()), { registry }));
}
