import { open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Value } from '../../gen/parameter/v1/parameter.ts';
import { guessKind, type Kind, parseValue, toValue } from '../client/index.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';

/** Of a value, and a line break behind it. */
const INPUT_BYTES_MAX = (1 << 20) + 2;

/** What was given as value: words of the command line, or bytes from elsewhere. */
export type ValueSource = { readonly text: string } | { readonly bytes: Buffer };

/** @returns undefined if no value was given */
export async function readValueSource(
  io: Io,
  argument: string | undefined,
  file: string | undefined,
  signal: AbortSignal,
): Promise<ValueSource | undefined> {
  if (argument !== undefined && file !== undefined) throw new Failure(EXIT.usage, 'give VALUE or --file, not both');
  if (file !== undefined) return { bytes: await readFile(file) };
  if (argument === '-') return { bytes: await readAll(addAbortSignal(signal, io.stdin), 'stdin') };
  return argument === undefined ? undefined : { text: argument };
}

/** The text, without the one line break that ends files and pipes. */
export function textOf(source: ValueSource): string {
  if ('text' in source) return source.text;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source.bytes).replace(/\r?\n$/, '');
  } catch {
    throw new Failure(EXIT.usage, 'the value is not UTF-8 text; --kind bytes takes it as it is');
  }
}

/**
 * Bytes on the command line are in base64, from elsewhere as they are.
 * @throws SyntaxError or RangeError that says what the kind looks like
 */
export function valueAs(source: ValueSource, kind: Kind): Value {
  return kind === 'bytes' && 'bytes' in source ? toValue(source.bytes) : parseValue(kind, textOf(source));
}

export function guessedValue(source: ValueSource): Value {
  const text = textOf(source);
  return parseValue(guessKind(text), text);
}

async function readFile(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    return await readAll(file.createReadStream(), path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.error, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

async function readAll(stream: Readable, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > INPUT_BYTES_MAX) throw new Failure(EXIT.error, `${name} is larger than a value may be, 1 MiB`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}
