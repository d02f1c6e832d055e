import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type Findings, invalidField, noFindings, settle } from '../findings.ts';
import { checkWire } from './check-wire.ts';
import { type Shape, shapeOf } from './shape.ts';

interface Decoder<T> {
  decode(input: BinaryReader, length?: number): T;
}

/** One kind of request: how its bytes are read. */
export interface RequestType<T> {
  readonly decoder: Decoder<T>;
  readonly shape: Shape;
  /** Whether unknown fields are ignored. Never in writes: an old server must not do half of a newer request. */
  readonly lenient: boolean;
}

export function requestType<T>(typeName: string, decoder: Decoder<T>, unknownFields: 'ignored' | 'refused') {
  return { decoder, shape: shapeOf(typeName), lenient: unknownFields === 'ignored' } satisfies RequestType<T>;
}

/**
 * The message, and findings about its texts and counts, for the validation to go on with.
 * @throws ParamdError if it is not worth looking further: no message, an unknown field, or too many fields
 */
export function decodeRequest<T>(type: RequestType<T>, bytes: Buffer): { message: T; findings: Findings } {
  const findings = noFindings();
  checkWire(bytes, type.shape, type.lenient, findings);
  if (findings.unknown !== undefined || findings.exceeded !== undefined) settle(findings);
  try {
    return { message: type.decoder.decode(new BinaryReader(bytes, utf8)), findings };
  } catch {
    throw invalidField('', `the bytes are no ${type.shape.typeName}`);
  }
}

/** Unlike the default one, keeps a byte order mark. What is invalid was found before. */
function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
