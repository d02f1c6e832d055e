import { createFileRegistry, type DescField, type DescMessage, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorImage } from '../descriptor-image.ts';

/** What checkWire has to know of a message, taken from the descriptors, so that no list of fields is kept by hand. */
export interface Shape {
  readonly typeName: string;
  readonly fields: ReadonlyMap<number, ShapeField>;
}

export interface ShapeField {
  /** As the proto spells it. */
  readonly name: string;
  readonly wireType: number;
  readonly repeated: boolean;
  readonly text: boolean;
  readonly message: Shape | undefined;
}

/** The protobuf registry of what we serve. */
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorImage()));
const shapes = new Map<string, Shape>();

export function shapeOf(typeName: string): Shape {
  const message = registry.getMessage(typeName);
  if (message === undefined) throw new Error(`no message ${typeName} in gen/image.binpb`);
  return shapeOfMessage(message);
}

function shapeOfMessage(message: DescMessage): Shape {
  const known = shapes.get(message.typeName);
  if (known !== undefined) return known;
  const fields = new Map<number, ShapeField>();
  const shape = { typeName: message.typeName, fields };
  shapes.set(message.typeName, shape);
  for (const field of message.fields) fields.set(field.number, shapeOfField(field));
  return shape;
}

function shapeOfField(field: DescField): ShapeField {
  const repeated = field.fieldKind === 'list' || field.fieldKind === 'map';
  const scalar = field.fieldKind === 'map' ? undefined : field.scalar;
  return {
    name: field.name,
    wireType: wireTypeOf(field),
    repeated,
    text: scalar === ScalarType.STRING,
    message: field.fieldKind === 'map' ? labelShape(field) : field.message && shapeOfMessage(field.message),
  };
}

/** Of the entries of a map from text to text, the only map that we have. */
function labelShape(field: DescField): Shape {
  const text = { wireType: 2, repeated: false, text: true, message: undefined };
  const fields = new Map([
    [1, { name: 'key', ...text }],
    [2, { name: 'value', ...text }],
  ]);
  return { typeName: `${field.parent.typeName}.${field.name}`, fields };
}

function wireTypeOf(field: DescField): number {
  if (field.fieldKind === 'map' || field.message !== undefined) return 2;
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 2;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 5;
    default:
      return 0;
  }
}
