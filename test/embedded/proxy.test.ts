import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../e2e/eventually.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';

describe('the proxy for fault tests', () => {
  let server: Server;
  let arrived = '';
  let proxy: TestProxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    arrived = '';
    const echo = (socket: Socket) => {
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          arrived += chunk;
        });
      socket.pipe(socket);
    };
    server = createServer(echo).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startProxy((server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    server.close();
  });

  async function client(): Promise<{ socket: Socket; received: () => string }> {
    const socket = connect(proxy.port, '127.0.0.1');
    clients.push(socket);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return { socket, received: () => text };
  }

  /** Unlike `once`, this takes an error on the way for no failure. */
  function closed(socket: Socket): Promise<void> {
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  it('passes bytes and ends', async () => {
    const { socket, received } = await client();
    socket.end('hello');
    await once(socket, 'close');
    expect(received()).to.equal('hello');
  });

  it('delays without changing the order', async () => {
    proxy.mode = { delayMs: 30 };
    const { socket, received } = await client();
    const started = performance.now();
    for (const letter of 'abc') socket.write(letter);
    socket.end('d');
    await once(socket, 'close');
    expect(received()).to.equal('abcd');
    expect(performance.now() - started).to.be.greaterThan(55);
  });

  it('holds everything while frozen and goes on afterwards', async () => {
    const { socket, received } = await client();
    proxy.mode = 'freeze';
    socket.write('held');
    // Another connection makes the whole way through the event loop meanwhile.
    await client();
    expect(received()).to.equal('');
    proxy.mode = 'pass';
    await once(socket, 'data');
    expect(received()).to.equal('held');
  });

  it('leaves connections of a blackhole half-open for ever, and lets new ones pass afterwards', async () => {
    const old = await client();
    proxy.mode = 'blackhole';
    old.socket.write('lost');
    const during = await client();
    during.socket.write('lost too');
    proxy.mode = 'pass';
    const fresh = await client();
    fresh.socket.write('new');
    await once(fresh.socket, 'data');
    expect([old.received(), during.received(), fresh.received()]).to.deep.equal(['', '', 'new']);
    expect([old.socket.destroyed, during.socket.destroyed]).to.deep.equal([false, false]);
  });

  it('forgets a client of a blackhole that goes', async () => {
    proxy.mode = 'blackhole';
    const { socket } = await client();
    await eventually(() => proxy.connections === 1);
    socket.destroy();
    await eventually(() => proxy.connections === 0);
  });

  it('loses replies alone, for ever on connections that saw it', async () => {
    const old = await client();
    proxy.mode = 'lose-replies';
    old.socket.write('a');
    const during = await client();
    await eventually(() => arrived === 'a');
    during.socket.write('b');
    await eventually(() => arrived === 'ab');
    proxy.mode = 'pass';
    old.socket.end('c');
    await closed(old.socket);
    await eventually(() => arrived === 'abc');
    const fresh = await client();
    fresh.socket.write('d');
    await once(fresh.socket, 'data');
    expect([old.received(), during.received(), fresh.received()]).to.deep.equal(['', '', 'd']);
    during.socket.destroy();
    await eventually(() => proxy.connections === 1);
  });

  it('resets open connections and new ones', async () => {
    const { socket } = await client();
    const broken = closed(socket);
    proxy.mode = 'reset';
    await broken;
    const next = connect(proxy.port, '127.0.0.1').on('error', () => {});
    await closed(next);
    expect(next.bytesRead).to.equal(0);
  });

  it('leads to another server, and breaks what is connected to the former one', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('other')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      const { socket } = await client();
      const broken = closed(socket);
      proxy.lead((other.address() as AddressInfo).port);
      await broken;
      const next = await client();
      await closed(next.socket);
      expect(next.received()).to.equal('other');
    } finally {
      other.close();
    }
  });

  it('leads new connections alone to another server', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('other')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      const old = await client();
      await eventually(() => proxy.connections === 1);
      proxy.leadNew((other.address() as AddressInfo).port);
      const next = await client();
      await closed(next.socket);
      old.socket.end('still here');
      await closed(old.socket);
      expect([next.received(), old.received()]).to.deep.equal(['other', 'still here']);
    } finally {
      other.close();
    }
  });

  it('closes what it breaks in the moment of its end', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
    const before = sockets();
    for (let turns = 0; turns < 10; turns++) {
      const { socket } = await client();
      proxy.mode = 'freeze';
      socket.end();
      // Another connection makes the whole way through the event loop meanwhile.
      await client();
      proxy.mode = 'pass';
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      proxy.mode = 'reset';
      proxy.mode = 'pass';
    }
    await proxy.close();
    while (sockets() > before) await new Promise((resolve) => setImmediate(resolve));
  });
});
