import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import { askAgain } from '../../src/bench/load/ask-again.ts';
import { CallFailed, GrpcConnection } from '../../src/bench/load/grpc-connection.ts';

const asIs = (bytes: Buffer) => bytes;
const bytes = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const unary = { requestStream: false, responseStream: false, ...bytes };
const SERVICE: ServiceDefinition = {
  repeat: { path: '/test.Test/Repeat', ...unary },
  refuse: { path: '/test.Test/Refuse', ...unary },
  count: { path: '/test.Test/Count', requestStream: false, responseStream: true, ...bytes },
};
const LARGE = 3_000_000;

const repeat: handleUnaryCall<Buffer, Buffer> = ({ request }, respond) =>
  respond(null, request.toString() === 'large' ? Buffer.alloc(LARGE, 'x') : request);
const refuse: handleUnaryCall<Buffer, Buffer> = (_, respond) => respond({ code: status.UNAVAILABLE, details: 'no' });
const count: handleServerStreamingCall<Buffer, Buffer> = (call) => {
  for (let i = 0; i < Number(call.request.toString()); i++)
    call.write(Buffer.from(String(i).padStart(1 + (i % 300), '0')));
  call.end();
};

describe('a gRPC connection of the load, to a server of grpc-js', () => {
  let server: Server;
  let connection: GrpcConnection;
  let target: string;

  beforeEach(async () => {
    server = new Server();
    server.addService(SERVICE, { repeat, refuse, count });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    target = `127.0.0.1:${port}`;
    connection = new GrpcConnection(target);
  });
  afterEach(() => {
    connection.close();
    server.forceShutdown();
  });

  const call = (name: string, text: string) => connection.call(`/test.Test/${name}`, Buffer.from(text));

  it('gives each of many calls its own answer', async () => {
    const texts = Array.from({ length: 500 }, (_, i) => `call ${i} ${'.'.repeat(i)}`);
    const answers = await Promise.all(texts.map((text) => call('Repeat', text)));
    expect(answers.map(String)).to.deep.equal(texts);
  });

  it('sends no more than the server has room for, and all of it in the end', async () => {
    const texts = Array.from({ length: 200 }, (_, i) => String(i).padStart(10_000, '.'));
    const answers = await Promise.all(texts.map((text) => call('Repeat', text)));
    expect(answers.map(String)).to.deep.equal(texts);
  });

  it('puts an answer together that comes in many parts', async () => {
    expect((await call('Repeat', 'large')).equals(Buffer.alloc(LARGE, 'x'))).to.equal(true);
  });

  it('has no answer of a call that was refused, and others still go well', async () => {
    const [refused, answered] = await Promise.allSettled([call('Refuse', ''), call('Repeat', 'yes')]);
    expect(refused).to.have.property('reason').that.is.instanceOf(CallFailed);
    expect(answered)
      .to.have.property('value')
      .that.satisfies((answer: Buffer) => answer.toString() === 'yes');
  });

  it('is told on another connection why', async () => {
    expect(await askAgain(target, '/test.Test/Refuse', Buffer.from(''))).to.equal('status 14, no');
    expect(await askAgain(target, '/test.Test/Nothing', Buffer.from(''))).to.match(/^status 12, /);
    expect(await askAgain(target, '/test.Test/Repeat', Buffer.from('yes'))).to.equal('answered');
  });

  it('has no answer of a call to something else', async () => {
    const failure = await call('Nothing', '').catch((error: Error) => error);
    expect(failure).to.be.instanceOf(CallFailed);
  });

  it('takes every message of a stream in order, and is told of its end', async () => {
    const messages: number[] = [];
    const ended = new Promise<CallFailed>((resolve) => {
      const request = { path: '/test.Test/Count', request: Buffer.from('2000') };
      connection.stream(request, (message) => messages.push(Number(message.toString())), resolve);
    });
    expect((await ended).message).to.match(/^the server ended/);
    expect(messages).to.deep.equal(Array.from({ length: 2000 }, (_, i) => i));
  });

  it('fails all calls when the server has gone, and those that come then', async () => {
    await call('Repeat', '');
    server.forceShutdown();
    const failure = await call('Repeat', '').catch((error: Error) => error);
    expect(failure).to.be.instanceOf(CallFailed);
  });
});
