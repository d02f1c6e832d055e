import { expect } from 'chai';
import type { Parameter } from '../../src/model/parameter.ts';
import type { Announcement, Bus, BusListener } from '../../src/ports/bus.ts';

/** One Valkey, or what stands for it. */
export interface BusWorld {
  /** The bus of one more replica. */
  attach(installationId?: string): Promise<Bus>;
  close(): Promise<void>;
}

/** What every bus does. */
export function busContract(name: string, open: () => Promise<BusWorld>): void {
  describe(`${name}: bus contract`, () => {
    let world: BusWorld;
    let buses: Bus[];

    before(async () => {
      world = await open();
    });
    after(() => world?.close());
    beforeEach(() => {
      buses = [];
    });
    afterEach(() => Promise.all(buses.map((bus) => bus.close())));

    async function replica(installationId?: string): Promise<{ bus: Bus; ear: Ear }> {
      const bus = await world.attach(installationId);
      buses.push(bus);
      const ear = new Ear();
      bus.listen(ear);
      await ear.until(() => ear.connections === 1);
      return { bus, ear };
    }

    it('tells connected after listen', async () => {
      const { bus, ear } = await replica();
      expect(bus.state()).to.equal('connected');
      expect(ear.disconnections).to.equal(0);
    });

    it('carries an announcement to every other replica, and not back', async () => {
      const [a, b, c] = [await replica(), await replica(), await replica()];
      const sent = announcement(5n, ['one', 'two']);
      a.bus.publish(sent);
      await b.ear.until(() => b.ear.heard.length === 1);
      await c.ear.until(() => c.ear.heard.length === 1);
      expect(b.ear.heard).to.deep.equal([sent]);
      expect(c.ear.heard).to.deep.equal([sent]);
      b.bus.publish(announcement(7n, ['three']));
      await a.ear.until(() => a.ear.heard.length === 1);
      expect(a.ear.heard[0]!.from).to.equal(7n);
    });

    it('keeps the order of one sender', async () => {
      const [a, b] = [await replica(), await replica()];
      for (let i = 1n; i <= 50n; i++) a.bus.publish(announcement(i, ['x']));
      await b.ear.until(() => b.ear.heard.length === 50);
      expect(b.ear.heard.map((heard) => heard.from)).to.deep.equal(Array.from({ length: 50 }, (_, i) => BigInt(i + 1)));
    });

    it('separates installations', async () => {
      const [a, b, stranger] = [await replica(), await replica(), await replica('another')];
      a.bus.publish(announcement(1n, ['x']));
      await b.ear.until(() => b.ear.heard.length === 1);
      expect(stranger.ear.heard).to.deep.equal([]);
    });

    it('hears and sends nothing after close', async () => {
      const [a, b, c] = [await replica(), await replica(), await replica()];
      await c.bus.close();
      expect(c.bus.state()).to.equal('disconnected');
      c.bus.publish(announcement(1n, ['x']));
      c.bus.suspect();
      a.bus.publish(announcement(2n, ['x']));
      await b.ear.until(() => b.ear.heard.length === 1);
      expect(b.ear.heard[0]!.from).to.equal(2n);
      expect(c.ear.heard).to.deep.equal([]);
      await c.bus.close();
    });

    it('is not disturbed by a suspicion', async () => {
      const [a, b] = [await replica(), await replica()];
      b.bus.suspect();
      b.bus.suspect();
      a.bus.publish(announcement(1n, ['x']));
      await b.ear.until(() => b.ear.heard.length === 1);
      expect(b.ear.disconnections).to.equal(0);
    });
  });
}

/** A listener that remembers. */
export class Ear implements BusListener {
  readonly heard: Announcement[] = [];
  connections = 0;
  disconnections = 0;
  #waiting: (() => void)[] = [];

  announced(announcement: Announcement): void {
    this.heard.push(announcement);
    this.#wake();
  }

  connected(): void {
    this.connections++;
    this.#wake();
  }

  disconnected(): void {
    this.disconnections++;
    this.#wake();
  }

  /** The test's own timeout ends the wait. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** One revision for each value, all of one batch. */
export function announcement(from: bigint, values: readonly string[]): Announcement {
  const batchId = from.toString(16).padStart(32, '0');
  return {
    epochNumber: 3n,
    epochId: 'e'.repeat(32),
    from,
    to: from + BigInt(values.length - 1),
    previousBatchId: 'f'.repeat(32),
    entries: values.map((value, i) => {
      const revision = from + BigInt(i);
      const key = `key:${i}`;
      return {
        revision,
        batchId,
        events: [{ type: 'put', key, revision, parameter: parameter(key, revision, value), previous: null }],
      };
    }),
  };
}

export function parameter(key: string, revision: bigint, value: string): Parameter {
  return {
    key,
    value: { kind: 'string_value', encoded: new Uint8Array(Buffer.from(value)) },
    revision,
    createRevision: revision,
    version: 1n,
    createTimeUs: 1n,
    updateTimeUs: 2n,
    updatedBy: 'me',
    labels: new Map([['team', 'a']]),
    cacheTtlNs: 3_600_000_000_000n,
  };
}
