import { spawn } from 'node:child_process';
import { status } from '@grpc/grpc-js';
import type { Client, WireStep } from './client.ts';
import { lines } from './lines.ts';
import type { Json, Outcome } from './scenario.ts';

const CALL_SECONDS_MAX = '10';
const SERVICE = 'parameter.v1.ParameterService';

/** grpcurl as a client: one process for each call; what messages there are it learns by reflection. */
export function grpcurlClient(program: string, target: string): Client {
  return { execute: (step) => execute(program, target, step), close: async () => {} };
}

async function execute(program: string, target: string, step: WireStep): Promise<Outcome> {
  const options = ['-plaintext', '-format-error', '-max-time', CALL_SECONDS_MAX, '-d', '@'];
  const child = spawn(program, [...options, target, `${SERVICE}/${step.method}`]);
  let complaints = '';
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve).once('error', (error) => {
      complaints += error.message;
    });
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk;
  });
  child.stdin.on('error', () => {}); // it has ended, and says why
  child.stdin.end(JSON.stringify(step.request ?? {}));
  const responses: Json[] = [];
  for await (const response of messages(child.stdout)) {
    responses.push(response);
    if (step.method === 'Watch' && enough(responses, step)) child.kill();
  }
  const code = await ended;
  if (step.method === 'Watch' && enough(responses, step)) return { responses };
  if (code === 0) return { response: responses[0] ?? {} };
  return failure(code, complaints);
}

/** It prints each message over several lines, of which the last one is the only "}" without indentation. */
async function* messages(output: AsyncIterable<Buffer>): AsyncGenerator<Json> {
  let text = '';
  for await (const line of lines(output)) {
    text += `${line}\n`;
    if (line !== '}' && line !== '{}') continue;
    yield JSON.parse(text);
    text = '';
  }
}

function enough(responses: readonly Json[], { request, takeEvents = 0 }: WireStep): boolean {
  const seen = responses as readonly { kind?: string; events?: readonly Json[] }[];
  const events = seen.reduce((sum, { events = [] }) => sum + events.length, 0);
  const whole = seen.some(({ kind }) => kind === 'KIND_INITIAL_COMPLETE');
  return events >= takeEvents && (whole || (request as { sendInitial?: boolean }).sendInitial !== true);
}

/** It ends with 64 and the status' number after a failed call, with 1 if there was none. */
function failure(code: number | null, complaints: string): Outcome {
  if (code === null || code <= 64) return { refused: complaints };
  const told = JSON.parse(complaints) as { code: number; message: string; details?: Json };
  return { error: { ...told, code: status[told.code] ?? told.code } };
}
