import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Client, WireStep } from './client.ts';
import { Comparable } from './comparable.ts';
import { expectationOf, inThoseWords, unmet } from './expectation.ts';
import { forClient, type Json, mapped, type Outcome, type Step } from './scenario.ts';

/** One client at one step. */
export interface Seen {
  /** As it compares with what others saw. */
  readonly outcome: Json;
  /** What of it is not as the scenario expects. */
  readonly unmet: readonly string[];
}

/** One client's way through the scenario. */
export interface Run {
  readonly name: string;
  /** By step; undefined where it is excepted; where it broke off and after that, an error. */
  readonly seen: ReadonlyMap<Step, Seen | Error | undefined>;
  take(steps: readonly Step[]): Promise<void>;
  /** @throws Error if the client does not end in good order */
  close(): Promise<void>;
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync('gen/image.binpb')));

export function startRun(name: string, client: Client): Run {
  // All of one length, since there are limits of length.
  const prefix = `polyglot:${name.padEnd(10, '.')}:`;
  const comparable = new Comparable(prefix);
  const answers = new Map<string, Json>();
  const seen = new Map<Step, Seen | Error | undefined>();
  let broken: Error | undefined;

  async function takeOne(step: Step): Promise<Seen> {
    const request = forClient(step.request, prefix, answers);
    const outcome = withoutUnlike(step, await client.execute(wireStep(step, request, name)));
    if (step.as !== undefined && outcome.response !== undefined) answers.set(step.as, outcome.response);
    const compared = comparable.outcome(outcome, step.step);
    const expected = comparable.json(forClient(expectationOf(step), prefix, answers), '');
    return { outcome: compared, unmet: unmet(inThoseWords(compared), expected) };
  }

  return {
    name,
    seen,
    take: async (steps) => {
      for (const step of steps) {
        if (broken !== undefined) seen.set(step, broken);
        else if (step.except?.[name] !== undefined) seen.set(step, undefined);
        else {
          await takeOne(step).then(
            (one) => seen.set(step, one),
            (error: Error) => {
              seen.set(step, error);
              broken = new Error(`${name} broke off at "${step.step}"`);
            },
          );
        }
      }
    },
    close: () => client.close(),
  };
}

function withoutUnlike({ unlike = [] }: Step, { response, ...others }: Outcome): Outcome {
  if (response === undefined) return others;
  const members = response as { readonly [name: string]: Json };
  return { ...others, response: mapped(members, (value, name) => (unlike.includes(name) ? '<some>' : value)) };
}

function wireStep(step: Step, request: Json, name: string): WireStep {
  const { call, takeEvents = 0, unknownField, binary } = step;
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
