import { Event, Event_Type, Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { type Io, print } from '../io.ts';
import type { Output } from '../options.ts';
import { protoJson } from '../proto-json.ts';
import { paint } from '../render.ts';
import { visible } from '../visible.ts';
import { type Difference, differenceText } from './difference.ts';
import type { Deed } from './run-import.ts';

/** Prints what differs: a line for people, or the Event that a watch would tell. */
export function showing(io: Io, output: Output): Deed {
  const json = output === 'json';
  return {
    async differences({ differences }, done) {
      for (const difference of differences) {
        await print(io, json ? putJson(difference) : differenceText(io, difference));
      }
      done(differences, 0n);
    },
    async prune(parameters, done) {
      for (const { key } of parameters) {
        await print(io, json ? deleteJson(key) : paint(io, 'red', `- ${visible(key)}`));
      }
      done(parameters.length, 0n);
    },
  };
}

function putJson({ line, current }: Difference): string {
  const { key, value, labels, cacheTtl = current?.cacheTtl } = line;
  const parameter: Parameter = { ...Parameter.fromPartial({ key }), value, labels: new Map(labels), cacheTtl };
  return eventJson({ parameter, previous: current, type: Event_Type.TYPE_PUT, revision: 0n });
}

function deleteJson(key: string): string {
  const parameter = Parameter.fromPartial({ key });
  return eventJson({ parameter, previous: undefined, type: Event_Type.TYPE_DELETE, revision: 0n });
}

function eventJson(event: Event): string {
  return protoJson('Event', Event, event);
}
