// Executes steps, one JSON line each, and tells what came of them: test/polyglot compares it with what clients in
// other languages saw.
import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ParameterServiceClient, ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { lines } from '../../test/polyglot/lines.ts';

interface Step {
  readonly method: string;
  readonly request?: JsonValue;
  readonly requestBase64?: string;
  readonly takeEvents?: number;
  readonly timeoutMs?: number;
}

type MethodName = keyof typeof ParameterServiceService;

/** One of the generated methods, seen apart from its types. */
interface Method {
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (response: unknown) => Buffer;
}

type UnaryCall = (
  request: unknown,
  metadata: Metadata,
  options: object,
  settle: (error: ServiceError | null, response: unknown) => void,
) => void;

// The generated code knows the wire. ProtoJSON is @bufbuild/protobuf's: ts-proto's own JSON is another one.
const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(new URL('../../gen/image.binpb', import.meta.url))),
);
const methods = registry.getService('parameter.v1.ParameterService')!.method;
const client = new ParameterServiceClient(process.env.PARAMD_TARGET ?? '127.0.0.1:50051', credentials.createInsecure());

for await (const line of lines(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await execute(JSON.parse(line)), minusZero)}\n`);
}
client.close();

async function execute(step: Step): Promise<object> {
  const name = `${step.method.charAt(0).toLowerCase()}${step.method.slice(1)}` as MethodName;
  const generated = ParameterServiceService[name] as unknown as Method;
  const { input, output } = methods[name]!;
  const print = (response: unknown) => printed(output, generated.responseSerialize(response));
  let request: unknown;
  try {
    request = generated.requestDeserialize(bytesOf(step, input));
  } catch (error) {
    return { refused: String(error) };
  }
  const options = { deadline: Date.now() + (step.timeoutMs ?? 10_000) };
  try {
    if (name === 'watch') {
      const stream = client.watch(request as never, options) as ClientReadableStream<unknown>;
      return { responses: await taken(stream, print, step) };
    }
    return { response: print(await answer(name, request, options)) };
  } catch (error) {
    return { error: failure(error as ServiceError) };
  }
}

/** ts-proto keeps unknown fields of what it decodes, and encodes them again. */
function bytesOf({ request = {}, requestBase64 }: Step, schema: DescMessage): Buffer {
  if (requestBase64 !== undefined) return Buffer.from(requestBase64, 'base64');
  return Buffer.from(toBinary(schema, fromJson(schema, request, { registry })));
}

function answer(name: Exclude<MethodName, 'watch'>, request: unknown, options: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = client[name] as UnaryCall;
    call.call(client, request, new Metadata(), options, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

/** The events that the step asks for, and the whole snapshot if it asks for one. */
async function taken(
  stream: ClientReadableStream<unknown>,
  print: (response: unknown) => JsonValue,
  { request, takeEvents = 0 }: Step,
): Promise<JsonValue[]> {
  const seen: JsonValue[] = [];
  let events = 0;
  let whole = (request as { sendInitial?: boolean }).sendInitial !== true;
  try {
    for await (const response of stream) {
      const json = print(response) as { kind: string; events?: JsonValue[] };
      seen.push(json);
      events += json.events?.length ?? 0;
      whole ||= json.kind === 'KIND_INITIAL_COMPLETE';
      if (events >= takeEvents && whole) break;
    }
  } finally {
    stream.on('error', () => {}); // a cancelled call says so
    stream.cancel();
  }
  return seen;
}

function failure(error: ServiceError): object {
  const [encoded] = error.metadata.get('grpc-status-details-bin');
  const schema = registry.getMessage('google.rpc.Status')!;
  const { details } = (encoded === undefined ? {} : printed(schema, encoded as Buffer)) as { details?: JsonValue };
  return { code: status[error.code], message: error.details, details };
}

function printed(schema: DescMessage, bytes: Uint8Array): JsonValue {
  return toJson(schema, fromBinary(schema, bytes), { registry });
}

/** JSON.stringify alone makes 0 of it. */
function minusZero(_name: string, value: unknown): unknown {
  return Object.is(value, -0) ? (JSON as unknown as { rawJSON(text: string): object }).rawJSON('-0') : value;
}
