import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * - pass: forwards.
 * - delayMs: forwards everything, in order, that much later.
 * - freeze: holds everything, also ends and new connections, and goes on with it when the mode changes.
 * - blackhole: forwards nothing and closes nothing. Connections that saw this stay dead for ever, since bytes of them
 *   are lost: half-open sockets, as after the other machine has vanished.
 * - lose-replies: what clients send arrives, what servers send does not. Connections that saw this stay like that.
 * - reset: breaks every connection, and every new one.
 */
export type ProxyMode = 'pass' | 'freeze' | 'blackhole' | 'lose-replies' | 'reset' | { readonly delayMs: number };

export interface TestProxy {
  readonly port: number;
  /** Takes effect at once, on connections that are open too. */
  mode: ProxyMode;
  /** How many clients are connected. */
  readonly connections: number;
  /** The same address, but by way of the proxy. */
  through(url: string): string;
  /** To another server from now on, as when an address has moved. Connections to the former one break. */
  lead(targetPort: number): void;
  /** The same, but open connections stay with the former one. */
  leadNew(targetPort: number): void;
  close(): Promise<void>;
}

interface Link {
  readonly sockets: readonly [client: Socket, target: Socket];
  lost: boolean;
  repliesLost: boolean;
}

/** Between a client and a server on the loopback. */
export async function startProxy(targetPort: number): Promise<TestProxy> {
  let mode: ProxyMode = 'pass';
  let leadsTo = targetPort;
  let flow = Promise.withResolvers<void>();
  flow.resolve();
  const links = new Set<Link>();

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    if (mode === 'reset') {
      reset(client);
      return;
    }
    const target = connect({ port: leadsTo, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const lost = mode === 'blackhole';
    const link: Link = { sockets: [client, target], lost, repliesLost: lost || mode === 'lose-replies' };
    links.add(link);
    client.setNoDelay(true);
    const isLost = () => link.lost;
    const areRepliesLost = () => link.repliesLost;
    forward(client, target, isLost, areRepliesLost);
    forward(target, client, areRepliesLost, isLost);
    for (const socket of link.sockets) {
      socket.once('close', () => {
        if (client.closed && target.closed) links.delete(link);
      });
    }
  });

  /** One direction: what comes is done in order, each when it is due and the mode lets it. */
  function forward(from: Socket, to: Socket, isLost: () => boolean, isWayBackLost: () => boolean): void {
    let last: Promise<void> = Promise.resolve();
    const later = (action: () => void) => {
      const due = performance.now() + (typeof mode === 'object' ? mode.delayMs : 0);
      last = last.then(async () => {
        const rest = due - performance.now();
        if (rest > 0) await sleep(rest);
        await flow.promise;
        if (!isLost() && !to.destroyed) action();
      });
    };
    from.on('data', (chunk) => later(() => to.write(chunk)));
    from.on('end', () => {
      later(() => to.end());
      // It will never be told of an end from the other side.
      if (isWayBackLost()) from.destroy();
    });
    from.on('error', () => later(() => reset(to)));
    from.on('close', () => later(() => to.destroySoon()));
    from.resume();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const breakAll = () => {
    for (const link of links) link.sockets.forEach(reset);
  };
  return {
    port,
    get mode() {
      return mode;
    },
    set mode(next) {
      if (next !== 'freeze') flow.resolve();
      else if (mode !== 'freeze') flow = Promise.withResolvers();
      mode = next;
      for (const link of links) {
        link.lost ||= next === 'blackhole';
        link.repliesLost ||= link.lost || next === 'lose-replies';
      }
      if (next === 'reset') breakAll();
    },
    get connections() {
      return [...links].filter(({ sockets: [client] }) => !client.closed).length;
    },
    through: (url) => {
      const by = new URL(url);
      by.port = String(port);
      return by.href;
    },
    lead: (toPort) => {
      if (toPort === leadsTo) return;
      leadsTo = toPort;
      breakAll();
    },
    leadNew: (toPort) => {
      leadsTo = toPort;
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      flow.resolve();
      breakAll();
      await closed;
    },
  };
}

/** Node never closes a socket that is reset while its end is under way, and then spins when the process ends. */
export function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
