import type { Announcement, Bus, BusListener, BusState } from '../../ports/bus.ts';
import type { Clock, Timer } from '../../ports/clock.ts';

/** What a half-open connection takes to be noticed (C6): idle, after an own announcement, when suspected. */
const IDLE_NOTICE_MS = 3000;
const ECHO_NOTICE_MS = 250;
const SUSPECT_NOTICE_MS = 200;

/** The channel that several MemoryBuses share, with the faults that a network can have. */
export class MemoryChannel {
  /**
   * What becomes of an announcement on its way to one bus: the delays in milliseconds of its copies. `[]` drops it,
   * `[0, 0]` doubles it, unequal delays reorder.
   */
  route: (announcement: Announcement, to: MemoryBus) => readonly number[] = () => [0];
  /** What arrives of an announcement; for one without its values, or altered. */
  carry: (announcement: Announcement) => Announcement = (announcement) => announcement;
  readonly #buses = new Set<MemoryBus>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** To every bus, as if a replica outside had sent it. */
  inject(announcement: Announcement): void {
    this.send(announcement, undefined);
  }

  /** Used by MemoryBus: to every bus but the sender. */
  send(announcement: Announcement, sender: MemoryBus | undefined): void {
    for (const bus of this.#buses) {
      if (bus === sender) continue;
      const receive = bus.receiver();
      for (const delayMs of this.route(announcement, bus)) {
        const deliver = () => receive(this.carry(announcement));
        if (delayMs === 0) queueMicrotask(deliver);
        else this.#clock.setTimer(delayMs, deliver);
      }
    }
  }

  /** Used by MemoryBus. */
  join(bus: MemoryBus): void {
    this.#buses.add(bus);
  }

  /** Used by MemoryBus. */
  leave(bus: MemoryBus): void {
    this.#buses.delete(bus);
  }
}

export interface MemoryBusOptions {
  readonly channel: MemoryChannel;
  /** False: disconnected until `connect()`. */
  readonly connected?: boolean;
}

/** The bus without Valkey. A replica does not hear its own announcements. */
export class MemoryBus implements Bus {
  readonly #channel: MemoryChannel;
  #listener: BusListener | undefined;
  #connected: boolean;
  /** Counts the changes between connected and not. */
  #connection = 0;
  #deaf = false;
  #closed = false;
  readonly #notices = new Set<Timer>();

  constructor(options: MemoryBusOptions) {
    this.#channel = options.channel;
    this.#connected = options.connected ?? true;
    this.#channel.join(this);
  }

  publish(announcement: Announcement): void {
    if (this.#closed || !this.#connected) return;
    if (this.#deaf) this.#noticeAfter(ECHO_NOTICE_MS);
    else this.#channel.send(announcement, this);
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
    if (!this.#connected) return;
    queueMicrotask(() => {
      if (this.#connected && !this.#closed) listener.connected();
    });
  }

  state(): BusState {
    return this.#connected && !this.#closed ? 'connected' : 'disconnected';
  }

  suspect(): void {
    if (this.#deaf) this.#noticeAfter(SUSPECT_NOTICE_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forgetNotices();
    this.#channel.leave(this);
  }

  /** The connection breaks, and the listener is told. */
  disconnect(): void {
    if (!this.#connected || this.#closed) return;
    this.#connected = false;
    this.#connection++;
    this.#deaf = false;
    this.#forgetNotices();
    this.#listener?.disconnected();
  }

  connect(): void {
    if (this.#connected || this.#closed) return;
    this.#connected = true;
    this.#connection++;
    this.#listener?.connected();
  }

  /** The connection is half-open: nothing comes or goes any more, and it takes its time to be noticed. */
  deafen(): void {
    this.#deaf = true;
    this.#noticeAfter(IDLE_NOTICE_MS);
  }

  /** Used by MemoryChannel: takes what is sent now, and loses it if the connection ends before it arrives. */
  receiver(): (announcement: Announcement) => void {
    const connection = this.#connection;
    return (announcement) => {
      const arrives = this.#connected && !this.#deaf && !this.#closed && connection === this.#connection;
      if (arrives) this.#listener?.announced(announcement);
    };
  }

  #noticeAfter(ms: number): void {
    this.#notices.add(this.#channel.clock.setTimer(ms, () => this.disconnect()));
  }

  #forgetNotices(): void {
    for (const notice of this.#notices) notice.cancel();
    this.#notices.clear();
  }
}
