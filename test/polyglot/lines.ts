/**
 * Lines that end in "\n". Those of node:readline end in U+2028 and U+2029 too, which stand within the strings of JSON.
 */
export async function* lines(input: AsyncIterable<Buffer | string>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf8', { ignoreBOM: true });
  let parts: string[] = [];
  for await (const chunk of input) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const [rest = '', ...further] = text.split('\n');
    parts.push(rest);
    for (const next of further) {
      yield parts.join('');
      parts = [next];
    }
  }
  if (parts.join('') !== '') yield parts.join('');
}
