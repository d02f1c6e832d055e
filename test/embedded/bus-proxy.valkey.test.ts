import { expect } from 'chai';
import fc from 'fast-check';
import { Valkey } from 'iovalkey';
import { type BusProxy, startBusProxy } from '../chaos/bus-proxy.ts';
import { partsOf, RespFrames } from '../chaos/resp-frames.ts';
import { eventually } from '../e2e/eventually.ts';
import { requireValkey } from '../support/servers.ts';

describe('frames of the protocol of Valkey', () => {
  const bulk = fc.uint8Array({ maxLength: 40 }).map((bytes) => framed(Buffer.from(bytes)));
  const line = fc.constantFrom('+OK\r\n', ':17\r\n', '-ERR no\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n').map(Buffer.from);
  const array = fc.array(fc.oneof(bulk, line), { maxLength: 4 }).map((parts) => arrayOf(parts));
  const reply = fc.oneof(bulk, line, array, fc.tuple(array, line).map(arrayOf));

  it('are found however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (replies, cuts) => {
        const bytes = Buffer.concat(replies);
        const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
        const frames = new RespFrames();
        const chunks = [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length));
        expect(chunks.flatMap((chunk) => frames.push(chunk)).map(hex)).to.deep.equal(replies.map(hex));
      }),
    );
  });

  it('tell their parts', () => {
    const contents = Buffer.from([0, 13, 10, 255]);
    const frame = arrayOf([framed(Buffer.from('message')), framed(Buffer.from('channel')), framed(contents)]);
    expect(partsOf(frame).map(hex)).to.deep.equal([Buffer.from('message'), Buffer.from('channel'), contents].map(hex));
    expect(partsOf(Buffer.from('+message\r\n'))).to.deep.equal([]);
  });
});

describe('the proxy that knows the bus', () => {
  let proxy: BusProxy;
  let subscriber: Valkey;
  let publisher: Valkey;
  let heard: string[];

  beforeEach(async function () {
    const { port, password } = new URL(requireValkey(this));
    proxy = await startBusProxy(Number(port));
    const options = { host: '127.0.0.1', port: proxy.port, password, maxRetriesPerRequest: 0 };
    subscriber = new Valkey(options);
    publisher = new Valkey(options);
    heard = [];
    subscriber.on('message', (_channel, message) => heard.push(message));
    await subscriber.subscribe('bus-proxy');
  });
  afterEach(async () => {
    subscriber?.disconnect();
    publisher?.disconnect();
    await proxy?.close();
  });

  const publish = async (...messages: string[]) => {
    for (const message of messages) await publisher.publish('bus-proxy', message);
  };

  it('leaves everything as it is, unless told otherwise', async () => {
    await publish('1', '2', '3');
    await eventually(() => heard.length === 3);
    expect(heard).to.deep.equal(['1', '2', '3']);
    expect(proxy.counts).to.deep.equal({ passed: 3, dropped: 0, doubled: 0, reordered: 0 });
  });

  it('drops', async () => {
    proxy.disturbance = { drop: 1, double: 1, reorder: 1 };
    await publish('1', '2');
    await eventually(() => proxy.counts.dropped === 2);
    proxy.disturbance = undefined;
    await publish('3');
    await eventually(() => heard.length === 1);
    expect(heard).to.deep.equal(['3']);
  });

  it('doubles', async () => {
    proxy.disturbance = { drop: 0, double: 1, reorder: 0 };
    await publish('1', '2');
    await eventually(() => heard.length === 4);
    expect(heard).to.deep.equal(['1', '1', '2', '2']);
    expect(proxy.counts.doubled).to.equal(2);
  });

  it('reorders, and is late with what nothing follows', async () => {
    proxy.disturbance = { drop: 0, double: 0, reorder: 1 };
    await Promise.all([publisher.publish('bus-proxy', '1'), publisher.publish('bus-proxy', '2')]);
    await publish('3');
    await eventually(() => heard.length === 3);
    expect(heard).to.deep.equal(['2', '1', '3']);
    expect(proxy.counts.reordered).to.equal(1);
  });

  it('silences the subscriber alone, and also one that comes later', async () => {
    proxy.silent = true;
    const later = subscriber.duplicate({ commandTimeout: 100, retryStrategy: () => null });
    const error = await later.subscribe('bus-proxy').then(
      () => undefined,
      (why: Error) => why,
    );
    later.disconnect();
    expect(String(error)).to.include('timed out');
    proxy.silent = false;
    expect(await publisher.publish('bus-proxy', '1'), 'both are still there for Valkey').to.equal(2);
    expect(heard).to.deep.equal([]);
    const fresh = subscriber.duplicate();
    fresh.on('message', (_channel, message) => heard.push(message));
    await fresh.subscribe('bus-proxy');
    await publish('2');
    await eventually(() => heard.length === 1);
    fresh.disconnect();
    expect(heard).to.deep.equal(['2']);
  });
});

function framed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}

function arrayOf(parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...parts]);
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}
