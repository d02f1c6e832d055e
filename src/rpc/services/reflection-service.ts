// Server reflection, v1 and v1alpha (equal but for the name), over the descriptors that buf built. Files are sent as the
// slices of the image that they are: decoding and encoding them again loses options (@grpc/reflection does, and buf curl
// then fails). google.rpc.* is in the image too, so that tools can show error details.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { status as Code, type handleBidiStreamingCall, type ServiceDefinition } from '@grpc/grpc-js';
import type { Timer } from '../../ports/clock.ts';
import { descriptorImage } from '../descriptor-image.ts';
import type { Runtime } from '../runtime.ts';
import { type CallStatus, plainStatus, statusName, statusOf } from '../status-table.ts';
import { baseCall, closeStream, type RequestMessage } from '../transport.ts';
import { healthDescriptor } from './health-descriptor.ts';
import { definitionOf } from './service.ts';

/** What a client can ask about the server's services. */
export interface Descriptors {
  readonly services: readonly string[];
  /** The file and all that it needs, itself first; undefined: no such file. */
  filesOf(name: string): readonly Uint8Array[] | undefined;
  /** Name of the file that has this message, field, enum, value, service or method. */
  fileWith(symbol: string): string | undefined;
}

export function reflectionDefinition(version: 'v1' | 'v1alpha'): ServiceDefinition {
  return definitionOf(`grpc.reflection.${version}.ServerReflection`, { ServerReflectionInfo: 'bidi' });
}

export function loadDescriptors(): Descriptors {
  const files = new Map<string, { bytes: Uint8Array; file: FileDescriptorProto }>();
  const symbols = new Map<string, string>();
  const reader = new BinaryReader(descriptorImage());
  const slices: Uint8Array[] = [toBinary(FileDescriptorProtoSchema, healthDescriptor())];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) slices.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  for (const bytes of slices) {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    files.set(file.name, { bytes, file });
    for (const symbol of symbolsOf(file)) symbols.set(symbol, file.name);
  }
  const services = [...files.values()].flatMap(({ file }) => file.service.map(({ name }) => `${file.package}.${name}`));

  const collect = (name: string, into: Map<string, Uint8Array>): void => {
    const found = files.get(name);
    if (found === undefined || into.has(name)) return;
    into.set(name, found.bytes);
    for (const dependency of found.file.dependency) collect(dependency, into);
  };
  return {
    services: services.sort(),
    filesOf: (name) => {
      const collected = new Map<string, Uint8Array>();
      collect(name, collected);
      return collected.size === 0 ? undefined : [...collected.values()];
    },
    fileWith: (symbol) => symbols.get(symbol),
  };
}

function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  for (const message of file.messageType) yield* symbolsOfMessage(message, file.package);
  for (const { name, value } of file.enumType) {
    yield `${file.package}.${name}`;
    for (const constant of value) yield `${file.package}.${constant.name}`;
  }
  for (const { name, method } of file.service) {
    yield `${file.package}.${name}`;
    for (const { name: methodName } of method) yield `${file.package}.${name}.${methodName}`;
  }
}

function* symbolsOfMessage(message: DescriptorProto, scope: string): Generator<string> {
  const path = `${scope}.${message.name}`;
  yield path;
  for (const { name } of [...message.field, ...message.oneofDecl]) yield `${path}.${name}`;
  for (const { name, value } of message.enumType) {
    yield `${path}.${name}`;
    for (const constant of value) yield `${path}.${constant.name}`;
  }
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, path);
}

/** One answer for each question, in order; the client takes its time. */
export function handleReflection(
  runtime: Runtime,
  path: string,
  descriptors: Descriptors,
): handleBidiStreamingCall<RequestMessage, Buffer> {
  return (call) => {
    const { clock, limits, observer } = runtime;
    const base = baseCall(call);
    const { peer } = runtime.connectionOf(base);
    const startedAtMs = clock.monotonicMs();
    observer.started(path);
    let status = Code.CANCELLED;
    let stall: Timer | undefined;
    const fail = (told: CallStatus): void => {
      status = told.code;
      call.emit('error', told);
    };
    runtime.open.settled(base);
    runtime.streams.add(base, ({ failure }) => fail(statusOf(failure)));
    base.stream.once('close', () => {
      // It holds the answer. A write that the end of the connection cuts off calls nobody back.
      stall?.cancel();
      runtime.streams.remove(base);
      observer.ended(path, clock.monotonicMs() - startedAtMs, { status: statusName(status), peer });
    });
    call.on('error', () => undefined);
    // One at a time: sixteen answers, as many as a stream would take, on each of a thousand streams would be 1 GB.
    call.on('data', ({ bytes: question }: RequestMessage) => {
      call.pause();
      try {
        const response = reflectionResponse(descriptors, question);
        stall = clock.setTimer(limits.stallMs, () => closeStream(base));
        call.write(response, () => {
          stall?.cancel();
          call.resume();
        });
      } catch {
        fail(plainStatus(Code.INVALID_ARGUMENT, 'the bytes are no ServerReflectionRequest'));
      }
    });
    call.on('end', () => {
      if (status === Code.CANCELLED) status = Code.OK;
      call.end();
    });
  };
}

function reflectionResponse(descriptors: Descriptors, question: Buffer): Buffer {
  const writer = new BinaryWriter();
  const reader = new BinaryReader(question);
  let host = '';
  let answer = notFound('the request asks for nothing that is known here', Code.INVALID_ARGUMENT);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === 2) host = reader.string();
    else if (field === 3 && wireType === 2) answer = filesAnswer(descriptors, reader.string());
    else if (field === 4 && wireType === 2) {
      const symbol = reader.string();
      answer = filesAnswer(descriptors, descriptors.fileWith(symbol) ?? symbol);
    } else if (field === 7 && wireType === 2) {
      reader.skip(wireType);
      answer = servicesAnswer(descriptors);
    } else if (field === 5 || field === 6) {
      reader.skip(wireType);
      answer = notFound('there are no extensions here', Code.NOT_FOUND);
    } else reader.skip(wireType, field);
  }
  writer.uint32(0x0a).string(host);
  writer.uint32(0x12).bytes(question);
  writer.raw(answer);
  return Buffer.from(writer.finish());
}

function filesAnswer(descriptors: Descriptors, name: string): Uint8Array {
  const files = descriptors.filesOf(name);
  if (files === undefined) return notFound(`not found: ${name.slice(0, 200)}`, Code.NOT_FOUND);
  const writer = new BinaryWriter().uint32(0x22).fork();
  for (const file of files) writer.uint32(0x0a).bytes(file);
  return writer.join().finish();
}

function servicesAnswer({ services }: Descriptors): Uint8Array {
  const writer = new BinaryWriter().uint32(0x32).fork();
  for (const service of services) writer.uint32(0x0a).fork().uint32(0x0a).string(service).join();
  return writer.join().finish();
}

function notFound(message: string, code: Code): Uint8Array {
  return new BinaryWriter().uint32(0x3a).fork().uint32(0x08).int32(code).uint32(0x12).string(message).join().finish();
}
