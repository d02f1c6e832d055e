import { expect } from 'chai';
import { Valkey } from 'iovalkey';
import type { ValkeyConnection } from '../../../src/adapters/valkey/connect-valkey.ts';
import type { BusListener } from '../../../src/ports/bus.ts';
import { announcement, busContract, Ear } from '../../contract/bus.ts';
import { unique } from '../../contract/shared-cache.ts';
import { requireValkey, valkeyUrl } from '../../support/servers.ts';
import { type CountingTelemetry, connect, countingTelemetry, eventually } from './worlds.ts';

before(function () {
  requireValkey(this);
});

const WARM_UP = announcement(1_000_000n, ['warm-up']);

/** That the connection for publishing is there too is not told; so it is tried. */
async function canPublish(connection: ValkeyConnection, telemetry: CountingTelemetry): Promise<void> {
  await eventually(() => {
    if (telemetry.total('bus_published') === 0) connection.bus.publish(WARM_UP);
    return telemetry.total('bus_published') > 0;
  });
}

/** Hears all but the others' warm-up. */
function withoutWarmUp(listener: BusListener): BusListener {
  return {
    announced: (heard) => heard.from !== WARM_UP.from && listener.announced(heard),
    connected: () => listener.connected(),
    disconnected: () => listener.disconnected(),
  };
}

busContract('valkey', async () => {
  const world = unique();
  return {
    async attach(installationId) {
      const telemetry = countingTelemetry();
      const connection = connect(valkeyUrl()!, { name: `${world}:${installationId}`, telemetry });
      const { bus } = connection;
      await canPublish(connection, telemetry);
      return { ...bus, listen: (to) => bus.listen(withoutWarmUp(to)), close: () => connection.close() };
    },
    close: async () => {},
  };
});

describe('valkey bus', () => {
  let name: string;
  let raw: Valkey;
  let telemetry: CountingTelemetry;
  let hearing: ValkeyConnection;
  let speaking: ValkeyConnection;
  let ear: Ear;

  beforeEach(async function () {
    name = unique();
    raw = new Valkey(requireValkey(this));
    telemetry = countingTelemetry();
    const spoken = countingTelemetry();
    speaking = connect(valkeyUrl()!, { name, telemetry: spoken });
    await canPublish(speaking, spoken);
    hearing = connect(valkeyUrl()!, { name, telemetry });
    ear = new Ear();
    hearing.bus.listen(ear);
    await ear.until(() => ear.connections === 1);
  });
  afterEach(async () => {
    raw.disconnect();
    await Promise.all([hearing.close(), speaking.close()]);
  });

  it('drops what this installation has not said, and counts it (C13)', async () => {
    const channel = `paramd:{${name}}:v1:changes`;
    const overheard: Buffer[] = [];
    const tap = new Valkey(valkeyUrl()!);
    await tap.subscribe(channel);
    tap.on('messageBuffer', (_channel, message) => overheard.push(message));
    speaking.bus.publish(announcement(1n, ['true']));
    await ear.until(() => ear.heard.length === 1);
    await eventually(() => overheard.length === 1);
    tap.disconnect();

    const said = overheard[0]!;
    const forged = [Buffer.alloc(0), Buffer.from('garbage'), said.subarray(0, -1), Buffer.concat([said, Buffer.of(0)])];
    for (let i = 0; i < said.length; i++) {
      const altered = Buffer.from(said);
      altered[i]! ^= 1;
      forged.push(altered);
    }
    for (const message of forged) await raw.publish(channel, message);
    await eventually(() => telemetry.total('bus_dropped') === forged.length);
    expect(ear.heard.length).to.equal(1);
    expect(telemetry.total('bus_received')).to.equal(1);
    await raw.publish(channel, said);
    await ear.until(() => ear.heard.length === 2);
  });

  it('splits a large announcement at whole revisions, each linked to the one before', async () => {
    const whole = announcement(
      10n,
      Array.from({ length: 100 }, () => 'v'.repeat(2000)),
    );
    speaking.bus.publish(whole);
    await ear.until(() => ear.heard.at(-1)?.to === whole.to);
    expect(ear.heard.length).to.be.greaterThan(5);
    let next = whole.from;
    let batchId = whole.previousBatchId;
    for (const part of ear.heard) {
      expect([part.from, part.previousBatchId]).to.deep.equal([next, batchId]);
      next = part.to + 1n;
      batchId = whole.entries[0]!.batchId;
    }
    expect(ear.heard.flatMap((part) => part.entries)).to.deep.equal(whole.entries);
  });

  it('leaves out values that are too large', async () => {
    speaking.bus.publish(announcement(1n, ['v'.repeat(20_000), 'small']));
    await ear.until(() => ear.heard.length === 1);
    const [large, small] = ear.heard[0]!.entries.map((entry) => entry.events[0]!);
    expect([large!.key, large!.parameter, large!.previous]).to.deep.equal(['key:0', undefined, undefined]);
    expect(small!.parameter?.revision).to.equal(2n);
  });
});
