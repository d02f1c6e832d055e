import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Client, WireStep } from './client.ts';
import { Comparable } from './comparable.ts';
import { expectationOf, inThoseWords, unmet } from './expectation.ts';
import { forClient, type Json, mapped, type Outcome, SCENARIO, type Step } from './scenario.ts';

/** One client at one step. */
export interface Seen {
  /** As it compares with what others saw. */
  readonly outcome: Json;
  /** What of it is not as the scenario expects. */
  readonly unmet: readonly string[];
}

/** What one client saw, by step; undefined where it is excepted; where it broke off and after that, an error. */
export type Run = ReadonlyMap<Step, Seen | Error | undefined>;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync('gen/image.binpb')));

export async function runScenario(name: string, client: Client): Promise<Run> {
  // All of one length, since there are limits of length.
  const prefix = `polyglot:${name.padEnd(10, '.')}:`;
  const comparable = new Comparable(prefix);
  const answers = new Map<string, Json>();
  const run = new Map<Step, Seen | Error | undefined>();
  let broken: Error | undefined;
  for (const step of SCENARIO) {
    if (broken === undefined && step.except?.[name] === undefined) {
      try {
        run.set(step, await take(step));
      } catch (error) {
        run.set(step, error as Error);
        broken = new Error(`${name} broke off at "${step.step}"`);
      }
    } else {
      run.set(step, broken);
    }
  }
  await client.close().catch((error: Error) => run.set(SCENARIO.at(-1)!, error));
  return run;

  async function take(step: Step): Promise<Seen> {
    const request = forClient(step.request, prefix, answers);
    const seen = withoutUnlike(step, await client.execute(wireStep(step, request, name)));
    if (step.as !== undefined && seen.response !== undefined) answers.set(step.as, seen.response);
    const outcome = comparable.outcome(seen, step.step);
    const expected = comparable.json(forClient(expectationOf(step), prefix, answers), '');
    return { outcome, unmet: unmet(inThoseWords(outcome), expected) };
  }
}

function withoutUnlike({ unlike = [] }: Step, { response, ...others }: Outcome): Outcome {
  if (response === undefined) return others;
  const members = response as { readonly [name: string]: Json };
  return { ...others, response: mapped(members, (value, name) => (unlike.includes(name) ? '<some>' : value)) };
}

function wireStep({ call, takeEvents = 0, unknownField, binary }: Step, request: Json, name: string): WireStep {
  const common = { method: call, ...(call === 'Watch' && { takeEvents }) };
  if (unknownField === undefined && binary?.[name] === undefined) return { ...common, request };
  const { input } = registry.getService('parameter.v1.ParameterService')!.method[lowerCamel(call)]!;
  const known = toBinary(input, fromJson(input, request as JsonValue, { registry }));
  const unknown = new BinaryWriter();
  if (unknownField !== undefined) unknown.tag(unknownField, WireType.Varint).uint32(1);
  return { ...common, requestBase64: Buffer.concat([known, unknown.finish()]).toString('base64') };
}

function lowerCamel(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
}
