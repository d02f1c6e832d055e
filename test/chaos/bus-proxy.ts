import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { reset } from '../support/proxy.ts';
import { partsOf, RespFrames } from './resp-frames.ts';

/** Chances, 0 to 1, of each announcement on its way to a subscriber. */
export interface Disturbance {
  readonly drop: number;
  readonly double: number;
  /** Comes after the next one instead of before it; if none comes soon, late. */
  readonly reorder: number;
}

export interface BusCounts {
  passed: number;
  dropped: number;
  doubled: number;
  reordered: number;
}

/** Between one replica and Valkey: it knows which connection is the subscriber's, and leaves the others alone. */
export interface BusProxy {
  readonly port: number;
  /** Undefined: announcements pass as they are. */
  disturbance: Disturbance | undefined;
  /**
   * True: the subscriber's connection goes silent, both ways, and is never closed from here: it is half-open, and those
   * that come meanwhile are so too. They stay dead when it ends.
   */
  silent: boolean;
  readonly counts: BusCounts;
  close(): Promise<void>;
}

interface Control {
  disturbance: Disturbance | undefined;
  silent: boolean;
}

/** Longer than a replica waits for a hole to fill. */
const REORDERED_MS_MAX = 40;

export async function startBusProxy(targetPort: number): Promise<BusProxy> {
  const counts: BusCounts = { passed: 0, dropped: 0, doubled: 0, reordered: 0 };
  const links = new Set<Link>();
  const control: Control = { disturbance: undefined, silent: false };

  const server = createServer((client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    links.add(new Link(client, target, control, counts));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    get disturbance() {
      return control.disturbance;
    },
    set disturbance(next) {
      control.disturbance = next;
    },
    get silent() {
      return control.silent;
    },
    set silent(next) {
      control.silent = next;
      if (next) for (const link of links) link.fallSilent();
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const link of links) link.break();
      await closed;
    },
  };
}

class Link {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #control: Readonly<Control>;
  readonly #counts: BusCounts;
  readonly #frames = new RespFrames();
  #subscribes = false;
  #lost = false;
  #late: Buffer | undefined;
  #lateTimer: NodeJS.Timeout | undefined;

  constructor(client: Socket, target: Socket, control: Readonly<Control>, counts: BusCounts) {
    this.#client = client;
    this.#target = target;
    this.#control = control;
    this.#counts = counts;
    client.on('data', (chunk) => this.#lost || target.write(chunk));
    target.on('data', (chunk) => this.#replied(chunk));
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => this.#lost || reset(other));
      one.on('close', () => this.#lost || other.destroySoon());
    }
  }

  fallSilent(): void {
    if (this.#subscribes) this.#lost = true;
  }

  break(): void {
    clearTimeout(this.#lateTimer);
    reset(this.#client);
    reset(this.#target);
  }

  #replied(chunk: Buffer): void {
    for (const frame of this.#frames.push(chunk)) {
      const kind = partsOf(frame)[0]?.toString('latin1');
      if (kind === 'subscribe') {
        this.#subscribes = true;
        if (this.#control.silent) this.#lost = true;
      }
      if (this.#lost) return;
      if (kind === 'message') this.#announce(frame);
      else this.#client.write(frame);
    }
  }

  #announce(frame: Buffer): void {
    const { drop = 0, double = 0, reorder = 0 } = this.#control.disturbance ?? {};
    if (Math.random() < drop) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.passed++;
    if (this.#late === undefined && Math.random() < reorder) {
      this.#late = Buffer.from(frame);
      this.#lateTimer = setTimeout(() => this.#passLate(), REORDERED_MS_MAX);
      return;
    }
    this.#client.write(frame);
    if (Math.random() < double) {
      this.#counts.doubled++;
      this.#client.write(frame);
    }
    if (this.#late === undefined) return;
    this.#counts.reordered++;
    this.#passLate();
  }

  #passLate(): void {
    clearTimeout(this.#lateTimer);
    const late = this.#late;
    this.#late = undefined;
    if (late !== undefined && !this.#lost && !this.#client.destroyed) this.#client.write(late);
  }
}
