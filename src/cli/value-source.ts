import { open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import { guessKind, type Kind, kindOf, parseValue, toValue } from '../client/index.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';

interface InputLimit {
  readonly bytesMax: number;
  /** What is wrong with more. */
  readonly line: string;
}

/** Of a value, and a line break behind it. */
const VALUE_LIMIT: InputLimit = { bytesMax: (1 << 20) + 2, line: 'larger than a value may be, 1 MiB' };

/** What was given as value: words of the command line, or bytes from elsewhere. */
export type ValueSource = { readonly text: string } | { readonly bytes: Buffer };

/** @returns undefined if no value was given */
export async function readValueSource(
  io: Io,
  argument: string | undefined,
  file: string | undefined,
  signal: AbortSignal,
  limit = VALUE_LIMIT,
): Promise<ValueSource | undefined> {
  if (argument !== undefined && file !== undefined) throw new Failure(EXIT.usage, 'give VALUE or --file, not both');
  if (file !== undefined) return { bytes: await readFile(file, limit) };
  if (argument === '-') return { bytes: await readAll(addAbortSignal(signal, io.stdin), 'stdin', limit) };
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

function guessedValue(source: ValueSource): Value {
  const text = textOf(source);
  return parseValue(guessKind(text), text);
}

/** The value in the kind that the parameter has, or would get. @throws Failure if it does not fit */
export function fittingValue(key: string, source: ValueSource, existing: Parameter | undefined): Value {
  if (existing === undefined) return guessedValue(source);
  const kind = kindOf(existing.value);
  try {
    return valueAs(source, kind);
  } catch (error) {
    const way = '--kind with --allow-kind-change changes that';
    throw new Failure(EXIT.condition, `${key} is of kind ${kind}: ${(error as Error).message}; ${way}`, {
      cause: error,
    });
  }
}

async function readFile(path: string, limit: InputLimit): Promise<Buffer> {
  try {
    const file = await open(path);
    return await readAll(file.createReadStream(), path, limit);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.error, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

async function readAll(stream: Readable, name: string, { bytesMax, line }: InputLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > bytesMax) throw new Failure(EXIT.error, `${name} is ${line}`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}
