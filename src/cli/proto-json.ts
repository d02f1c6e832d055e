import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, type FileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { packageRoot } from './package-root.ts';
import { visible } from './visible.ts';

/** How the library says in what it failed. */
const WHERE = /^cannot decode (?:message|field|oneof) (?:parameter\.v1|google\.protobuf)\.(\S+) from JSON: /;

let registry: FileRegistry | undefined;

/**
 * A message as canonical ProtoJSON in one line. ts-proto's own toJSON is something else: it cuts times to milliseconds,
 * prints durations as objects and drops a label named `__proto__`. What a terminal would obey is escaped, as JSON may.
 * @param type such as "Parameter", of parameter.v1
 */
export function protoJson<T>(type: string, codec: { encode(message: T): BinaryWriter }, message: T): string {
  const { schema, registry } = described(type);
  const json = toJson(schema, fromBinary(schema, codec.encode(message).finish()), { registry });
  return visible(JSON.stringify(json, withSignOfZero));
}

/**
 * The other way. Nothing is ignored: a name that the message does not have is an error.
 * @throws SyntaxError that says what is wrong, in one line
 */
export function fromProtoJson<T>(type: string, codec: { decode(bytes: Uint8Array): T }, text: string): T {
  const { schema, registry } = described(type);
  try {
    return codec.decode(toBinary(schema, fromJson(schema, JSON.parse(text), { registry })));
  } catch (error) {
    throw new SyntaxError((error as Error).message.replace(WHERE, '$1: '), { cause: error });
  }
}

function described(type: string) {
  registry ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(join(packageRoot(), 'gen', 'image.binpb'))),
  );
  const schema = registry.getMessage(`parameter.v1.${type}`);
  if (schema === undefined) throw new Error(`parameter.v1.${type} is not in gen/image.binpb`);
  return { schema, registry };
}

/** In lib.esnext only, in every Node that runs paramd. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON has a negative zero, which JSON.stringify alone would lose. */
function withSignOfZero(_name: string, part: unknown): unknown {
  return Object.is(part, -0) ? rawJSON('-0') : part;
}
