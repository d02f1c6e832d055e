import { execFile } from 'node:child_process';
import { connect } from 'node:http2';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Client, type ClientDuplexStream, status as Code, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Clock } from '../../src/ports/clock.ts';
import { loadDescriptors } from '../../src/rpc/services/reflection-service.ts';
import { type Fixture, rawCall, realClock, startFixture, until } from './rpc-fixture.ts';

const pass = (bytes: Buffer): Buffer => bytes;
const asked = (service: string) => Buffer.from(new BinaryWriter().uint32(10).string(service).finish());

describe('health', () => {
  let fixture: Fixture;
  let client: Client;
  before(async () => {
    fixture = await startFixture();
    client = fixture.connect(Client);
  });
  after(() => fixture.close());

  const call = (method: string, request: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(`/grpc.health.v1.Health/${method}`, pass, pass, request, (error, response) =>
        error ? reject(error) : resolve(response!),
      );
    });

  it('is NOT_SERVING at first, and follows', async () => {
    for (const service of ['', 'parameter.v1.ParameterService', 'parameter.v1.CacheService']) {
      fixture.server.setServing(false);
      expect([...(await call('Check', asked(service)))]).to.deep.equal([8, 2]);
      fixture.server.setServing(true);
      expect([...(await call('Check', asked(service)))]).to.deep.equal([8, 1]);
    }
  });

  it('knows no other service', async () => {
    const error = await call('Check', asked('other')).catch((caught: ServiceError) => caught);
    expect(error).to.have.property('code', Code.NOT_FOUND);
  });

  it('lists', async () => {
    const reader = new BinaryReader(await call('List', Buffer.alloc(0)));
    let entries = 0;
    for (; reader.pos < reader.len; entries++) reader.skip(reader.tag()[1]);
    expect(entries).to.equal(3);
  });

  it('is watched, until the server drains', async () => {
    fixture.server.setServing(true);
    const statuses: number[] = [];
    let error: ServiceError | undefined;
    const stream = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', pass, pass, asked(''));
    stream.on('data', (response: Buffer) => statuses.push(response[1]!));
    stream.on('error', (caught: ServiceError) => {
      error = caught;
    });
    await until(() => statuses.length === 1);
    fixture.server.setServing(false);
    await until(() => statuses.length === 2);
    fixture.server.setServing(true);
    await until(() => statuses.length === 3);
    await fixture.server.drain(1000);
    await until(() => error !== undefined);
    expect(statuses).to.deep.equal([1, 2, 1, 2]);
    expect(error?.code).to.equal(Code.UNAVAILABLE);
  });
});

describe('reflection', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());

  for (const version of ['v1', 'v1alpha']) {
    it(`${version} gives a file and all that it needs`, async () => {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      const stream: ClientDuplexStream<Buffer, Buffer> = fixture
        .connect(Client)
        .makeBidiStreamRequest(path, pass, pass);
      const question = new BinaryWriter().uint32(0x22).string('parameter.v1.ParameterService.Watch').finish();
      const answer = await new Promise<Buffer>((resolve, reject) => {
        stream.once('data', resolve).on('error', reject);
        stream.write(Buffer.from(question));
      });
      stream.end();
      expect(filesIn(answer)).to.include.members([
        'parameter/v1/parameter_service.proto',
        'parameter/v1/parameter.proto',
        'parameter/v1/freshness.proto',
        'google/protobuf/duration.proto',
        'google/protobuf/timestamp.proto',
      ]);
    });
  }

  it('knows every symbol that tools ask for', () => {
    const descriptors = loadDescriptors();
    for (const symbol of [
      'google.rpc.BadRequest',
      'google.rpc.ErrorInfo.MetadataEntry',
      'parameter.v1.Value.kind',
      'parameter.v1.TIER_STORE',
      'parameter.v1.WatchResponse.Kind',
      'grpc.health.v1.Health.Check',
    ]) {
      expect(descriptors.fileWith(symbol), symbol).to.be.a('string');
    }
    expect(descriptors.filesOf('none.proto')).to.equal(undefined);
  });

  it('is ended by garbage, and by nothing worse', async () => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const stream: ClientDuplexStream<Buffer, Buffer> = fixture.connect(Client).makeBidiStreamRequest(path, pass, pass);
    stream.write(Buffer.from('ffffff', 'hex'));
    const error = await new Promise<ServiceError>((resolve) => stream.on('error', resolve).resume());
    expect(error.code).to.equal(Code.INVALID_ARGUMENT);
  });

  it('is observed like every call', async () => {
    for (const status of ['OK', 'INVALID_ARGUMENT']) {
      await until(() => fixture.outcomes.some((o) => o.method.includes('ServerReflection') && o.status === status));
    }
  });

  it('keeps no answer that the end of a connection cut off', async () => {
    const stallMs = 98_765;
    const waiting = new Set<object>();
    const setTimer: Clock['setTimer'] = (ms, run) => {
      const timer = realClock.setTimer(ms, run);
      if (ms === stallMs) waiting.add(timer);
      const cancel = () => {
        waiting.delete(timer);
        timer.cancel();
      };
      return { cancel };
    };
    const own = await startFixture({ clock: { ...realClock, setTimer }, limits: { stallMs } });
    const session = connect(`http://127.0.0.1:${own.server.port}`, { settings: { initialWindowSize: 0 } });
    const { stream } = rawCall(
      own.server.port,
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      undefined,
      {},
      { session },
    );
    stream.write(Buffer.from('00000000023a00', 'hex'));
    await until(() => waiting.size === 1);
    session.destroy();
    await until(() => waiting.size === 0);
    await own.close();
  });

  it('is enough for buf curl', async () => {
    const run = promisify(execFile);
    const url = `http://127.0.0.1:${fixture.server.port}`;
    const list = await run('buf', ['curl', '--protocol', 'grpc', '--list-methods', url]);
    expect(list.stdout).to.include('parameter.v1.ParameterService/Watch').and.include('grpc.health.v1.Health/Check');
    const path = `${url}/parameter.v1.ParameterService/GetParameter`;
    const got = await run('buf', ['curl', '--protocol', 'grpc', '-d', '{"key":"x"}', path]);
    expect(JSON.parse(got.stdout)).to.have.nested.property('freshness.servedFrom', 'TIER_NEAR_CACHE');
  });
});

function filesIn(answer: Buffer): string[] {
  const names: string[] = [];
  const reader = new BinaryReader(answer);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== 4) {
      reader.skip(wireType, field);
      continue;
    }
    const files = new BinaryReader(reader.bytes());
    for (; files.pos < files.len; ) {
      files.tag();
      names.push(fromBinary(FileDescriptorProtoSchema, files.bytes()).name);
    }
  }
  return names;
}
