import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import { GetParameterRequest, ParameterServiceService } from '../../gen/parameter/v1/parameter_service.ts';
import { type Fixture, rawCall, startFixture } from './rpc-fixture.ts';

const { path } = ParameterServiceService.getParameter;
const REQUEST = GetParameterRequest.encode({ key: 'k', consistency: undefined }).finish();

describe('headers of a call', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());

  /** A status of gRPC, or of HTTP for those who do not speak it. */
  async function told(headers: Record<string, string>): Promise<number | undefined> {
    const { session, stream, ended } = rawCall(fixture.server.port, path, REQUEST, headers);
    let http: number | undefined;
    stream.on('response', (response) => {
      http = response[':status'];
    });
    stream.resume();
    const status = await ended;
    session.destroy();
    return status?.code ?? http;
  }

  it('are POST', async () => {
    for (const method of ['GET', 'PUT', 'OPTIONS']) expect(await told({ ':method': method })).to.equal(405);
  });

  it('have a content type of gRPC with Protobuf', async () => {
    for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])
      expect(await told({ 'content-type': type }), type).to.equal(Code.OK);
    for (const type of ['application/grpc-web', 'application/grpc+json', 'application/grpcx', 'text/html'])
      expect(await told({ 'content-type': type }), type).to.equal(415);
  });

  it('have a time of up to eight digits and a unit', async () => {
    for (const time of ['1S', '10000m', '1H', '99999999n']) {
      expect(await told({ 'grpc-timeout': time }), time).to.equal(Code.OK);
    }
    for (const time of ['1.5S', '-1S', 'x1S', '1S, 2S', '123456789S', '1', ''])
      expect(await told({ 'grpc-timeout': time }), time).to.equal(Code.INTERNAL);
  });

  it('may give a call longer than any timer lasts', async () => {
    for (const time of ['2592000S', '99999999H', '600H'])
      expect(await told({ 'grpc-timeout': time }), time).to.equal(Code.OK);
  });
});
