import { fromValue, type Parameter } from '../client/index.ts';
import { WrongAnswer } from './workload.ts';

/** What is stored under a key: ends with something new, as far as there is room. */
export function storedText(valueBytes: number, index: number): string {
  return String(index).padStart(valueBytes, 'v').slice(-valueBytes);
}

/** @throws WrongAnswer unless it is the parameter with a value that was stored */
export function checkStored(parameter: Parameter | undefined, key: string, valueBytes: number): void {
  if (parameter === undefined) throw new WrongAnswer('a parameter is missing');
  if (parameter.key !== key) throw new WrongAnswer('a parameter has another key');
  const text = fromValue(parameter.value);
  if (typeof text !== 'string' || text.length !== valueBytes) throw new WrongAnswer('a parameter has another value');
}
