/** A line of JSON as `12:03:04.123 INFO  message key=value`, with the frames of an error below it. */
export function prettyLine(json: string): string {
  const { time, level, replica: _, msg, error, ...fields } = JSON.parse(json);
  const told = Object.entries(fields).map(([name, value]) => ` ${name}=${printed(value)}`);
  const head = `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${msg ?? ''}`;
  return `${head}${told.join('')}${error === undefined ? '' : prettyError(error)}\n`;
}

interface PrintableError {
  type: string;
  code?: string;
  message?: string;
  frames?: string[];
  cause?: PrintableError;
}

function prettyError({ type, code, message, frames = [], cause }: PrintableError): string {
  const head = `\n    ${type}${code === undefined ? '' : ` (${code})`}${message === undefined ? '' : `: ${message}`}`;
  return `${head}${frames.map((frame) => `\n        at ${frame}`).join('')}${cause === undefined ? '' : prettyError(cause)}`;
}

function printed(value: unknown): string {
  return typeof value === 'string' && /^[\w./:[\]-]+$/.test(value) ? value : JSON.stringify(value);
}
