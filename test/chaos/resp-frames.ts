const CR = 13;

/** Cuts what a Valkey sends into its replies, without reading what is in them. */
export class RespFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the replies that are complete now, with their framing */
  push(chunk: Buffer): readonly Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    let start = 0;
    for (let end = endOf(this.#rest, start); end !== undefined; end = endOf(this.#rest, start)) {
      frames.push(this.#rest.subarray(start, end));
      start = end;
    }
    this.#rest = this.#rest.subarray(start);
    return frames;
  }
}

/** The texts of an array of bulk strings and numbers, such as a pushed message: ["message", channel, contents]. */
export function partsOf(frame: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  if (frame[0] !== '*'.charCodeAt(0) && frame[0] !== '>'.charCodeAt(0)) return parts;
  let at = lineEnd(frame, 0)!;
  while (at < frame.length) {
    const end = endOf(frame, at)!;
    const isBulk = frame[at] === '$'.charCodeAt(0);
    parts.push(isBulk ? frame.subarray(lineEnd(frame, at), end - 2) : frame.subarray(at + 1, end - 2));
    at = end;
  }
  return parts;
}

/** Of the reply that starts there; undefined: it is not all here. */
function endOf(bytes: Buffer, start: number): number | undefined {
  const headEnd = lineEnd(bytes, start);
  if (headEnd === undefined) return undefined;
  const type = String.fromCharCode(bytes[start]!);
  if (!'$=!*>~%'.includes(type)) return headEnd;
  const count = Number(bytes.toString('latin1', start + 1, headEnd - 2));
  if (count < 0) return headEnd;
  if ('$=!'.includes(type)) {
    const end = headEnd + count + 2;
    return end <= bytes.length ? end : undefined;
  }
  let end: number | undefined = headEnd;
  for (let part = 0; part < (type === '%' ? 2 * count : count) && end !== undefined; part++) end = endOf(bytes, end);
  return end;
}

/** Behind the line break. */
function lineEnd(bytes: Buffer, start: number): number | undefined {
  const at = bytes.indexOf(CR, start);
  return at < 0 || at + 1 >= bytes.length ? undefined : at + 2;
}
