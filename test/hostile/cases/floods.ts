// More than anybody needs: of everything that HTTP/2 and gRPC let a client send, or leave unsaid.
import { gzipSync } from 'node:zlib';
import {
  callHeaders,
  data,
  FLAG,
  frame,
  headers,
  message,
  reset,
  SETTING,
  settings,
  TYPE,
  windowUpdate,
} from '../frames.ts';
import type { HostileCase } from '../hostile-case.ts';
import { encodeHeaders } from '../hpack.ts';
import { call, encoded, GET_PATH, innocentOn, METHODS } from '../methods.ts';
import { RawConnection } from '../raw-connection.ts';
import type { Memory, Victim } from '../victim.ts';
import { delimited } from '../wire.ts';

const MIB = 1 << 20;
const GET = message(encoded('GetParameter', { key: 'innocent' }));
const SET_PATH = METHODS.SetParameter.path;
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
/** The connection ends; whether its last frame comes through before, a race decides. */
const ENDED = 'closed or GOAWAY ENHANCE_YOUR_CALM or GOAWAY INTERNAL_ERROR';

interface Flood {
  readonly name: string;
  readonly sends: string;
  readonly expected: string;
  /** That the replica may hold meanwhile, above what it held before. */
  readonly heldMiBMax: number;
  readonly isSample?: boolean;
  readonly run: (flooding: Flooding) => Promise<string>;
}

interface Flooding {
  readonly victim: Victim;
  /** Greeted, and closed when the flood is over. */
  connect(settings?: readonly (readonly [number, number])[]): Promise<RawConnection>;
  /** Looks how much the replica holds now. */
  look(): Promise<void>;
}

function flood({ name, sends, expected, heldMiBMax, isSample = false, run }: Flood): HostileCase {
  return {
    group: 'floods',
    name,
    sends: `${sends}; meanwhile it holds at most ${heldMiBMax} MiB more`,
    expected,
    flood: isSample ? 'sample' : 'campaign',
    run: async (victim) => {
      const connections: RawConnection[] = [];
      const before = await victim.memory();
      let heldMiB = 0;
      const flooding: Flooding = {
        victim,
        connect: async (entries) => {
          const connection = await RawConnection.open(victim.port);
          connections.push(connection);
          await connection.greet(entries);
          return connection;
        },
        look: async () => {
          heldMiB = Math.max(heldMiB, grownMiB(await victim.memory(), before));
        },
      };
      try {
        const told = await run(flooding);
        return heldMiB <= heldMiBMax ? told : `${told}, and held ${heldMiB.toFixed(0)} MiB`;
      } finally {
        for (const connection of connections) connection.close();
      }
    },
  };
}

function grownMiB(now: Memory, before: Memory): number {
  return Math.max(now.heldBytes - before.heldBytes, now.residentBytes - before.residentBytes) / MIB;
}

/** One of each kind that is refused in a way of its own. */
const SAMPLED = ['rapid reset', 'SETTINGS unread', 'PING unread', 'empty DATA', 'CONTINUATION', 'WINDOW_UPDATE'];

/** The same frames over and over, on one connection; told is how it ends, or that it goes on. */
function repeated(
  name: string,
  sends: string,
  expected: string,
  times: number,
  frames: (time: number) => Buffer,
  options: { before?: Buffer; isRead?: boolean } = {},
): HostileCase {
  const { before, isRead = true } = options;
  return flood({
    name,
    sends,
    expected,
    heldMiBMax: 40,
    isSample: SAMPLED.includes(name),
    run: async ({ victim, connect, look }) => {
      const connection = await connect();
      if (!isRead) connection.pause();
      if (before !== undefined) await connection.send(before);
      for (let at = 0; at < times && !connection.isClosed; ) {
        const parts: Buffer[] = [];
        for (let size = 0; size < 256_000 && at < times; at++) {
          const part = frames(at);
          size += part.length;
          parts.push(part);
        }
        const sent = connection.send(...parts);
        // Whoever does not read what he is sent may not be read either.
        if (isRead) await sent;
        else await Promise.race([sent, connection.ended(), new Promise((resolve) => setTimeout(resolve, 500))]);
      }
      await look();
      connection.resume();
      return innocentOn(connection, victim);
    },
  });
}

function controlFrames(): HostileCase[] {
  const open = headers(1, callHeaders(GET_PATH));
  const ping = frame(TYPE.PING, 0, 0, Buffer.alloc(8));
  const call = callHeaders(GET_PATH);
  return [
    repeated('rapid reset', '20,000 calls, each reset at once', ENDED, 20_000, (at) =>
      Buffer.concat([headers(2 * at + 1, call), reset(2 * at + 1)]),
    ),
    repeated('rapid reset of whole calls', '20,000 calls with their messages, reset', ENDED, 20_000, (at) =>
      Buffer.concat([headers(2 * at + 1, call), data(2 * at + 1, GET, FLAG.END_STREAM), reset(2 * at + 1)]),
    ),
    repeated('resets that the server is made to send', '20,000 calls with a window of 0', ENDED, 20_000, (at) =>
      Buffer.concat([headers(2 * at + 1, call), windowUpdate(2 * at + 1, 0)]),
    ),
    repeated('malformed calls', '20,000 calls with `te: gzip`', ENDED, 20_000, (at) =>
      headers(2 * at + 1, callHeaders(GET_PATH, { te: 'gzip' }), 5),
    ),
    repeated('SETTINGS', '200,000 of them, whose answers are read', ENDED, 200_000, () => settings([[3, 100]])),
    repeated(
      'SETTINGS unread',
      '200,000 of them, whose answers are not read',
      ENDED,
      200_000,
      () => settings([[3, 100]]),
      { isRead: false },
    ),
    repeated('PING', '200,000 of them, whose answers are read', ENDED, 200_000, () => ping),
    repeated('PING unread', '200,000 of them, whose answers are not read', ENDED, 200_000, () => ping, {
      isRead: false,
    }),
    repeated('empty DATA', '100,000 frames of no byte', ENDED, 100_000, () => data(1, Buffer.alloc(0)), {
      before: open,
    }),
    repeated(
      'DATA of padding alone',
      '20,000 frames of 100 bytes',
      'OK',
      20_000,
      () => frame(TYPE.DATA, FLAG.PADDED, 1, Buffer.concat([Buffer.of(99), Buffer.alloc(99)])),
      { before: open },
    ),
    repeated('empty CONTINUATION', '100,000 frames of no byte', ENDED, 100_000, () => frame(TYPE.CONTINUATION, 0, 1), {
      before: headers(1, call, 0),
    }),
    repeated(
      'CONTINUATION',
      '10,000 frames of 1 KB',
      ENDED,
      10_000,
      () => frame(TYPE.CONTINUATION, 0, 1, encodeHeaders([['x', 'y'.repeat(1000)]])),
      { before: headers(1, call, 0) },
    ),
    repeated('PRIORITY', '200,000 of them, on as many streams', ENDED, 200_000, (at) =>
      frame(TYPE.PRIORITY, 0, 2 * at + 3, Buffer.alloc(5)),
    ),
    repeated('WINDOW_UPDATE', '200,000 of them, each by 1', 'OK', 200_000, () => windowUpdate(0, 1)),
    repeated('unknown frames', '5,000 of 16 KB', 'OK', 5000, () => frame(0xfa, 0, 0, Buffer.alloc(16_384))),
    repeated('calls of unknown methods', '20,000 of them', 'OK', 20_000, (at) =>
      headers(2 * at + 1, callHeaders('/x/y'), 5),
    ),
    repeated('calls of another content type', '20,000 of them', 'OK', 20_000, (at) =>
      headers(2 * at + 1, callHeaders(GET_PATH, { 'content-type': 'text/html' }), 5),
    ),
    repeated('streams beyond 1,000', '20,000 calls that do not end', ENDED, 20_000, (at) => headers(2 * at + 1, call)),
  ];
}

interface Unfinished {
  readonly connections: number;
  readonly streams: number;
  readonly path?: string;
  readonly header?: Readonly<Record<string, string>>;
  /** The whole of what comes on a stream. */
  readonly body: Buffer;
  /** In turns, so much of each stream at a time. */
  readonly stepBytes?: number;
  /** Between the steps. */
  readonly filler?: Buffer;
  /** All of them are refused, sooner or later. */
  readonly areRefused?: boolean;
}

/** Calls on all streams of several connections, none of which ends; told is what the last one of each is told. */
async function unfinished({ connect, look, victim }: Flooding, sent: Unfinished): Promise<string> {
  const {
    connections,
    streams,
    path = SET_PATH,
    header = {},
    body,
    stepBytes = body.length,
    filler,
    areRefused = false,
  } = sent;
  const open = await Promise.all(Array.from({ length: connections }, () => connect()));
  const list = callHeaders(path, header);
  const ids = Array.from({ length: streams }, (_, at) => 2 * at + 1);
  for (const connection of open) await connection.send(...ids.map((id) => headers(id, list)));
  const looksEvery = Math.ceil(body.length / stepBytes / 4);
  for (let at = 0; at < body.length; at += stepBytes) {
    const part = body.subarray(at, at + stepBytes);
    await Promise.all(
      open.map(async (connection) => {
        for (const id of ids) {
          if (connection.isOver(id)) continue;
          await connection.sendData(id, part);
          if (filler !== undefined) await connection.send(filler);
        }
      }),
    );
    if ((at / stepBytes) % looksEvery === 0) await look();
  }
  await look();
  const told = new Set<string>();
  for (const connection of open)
    for (const id of ids) if (areRefused || connection.isOver(id)) told.add(await connection.reaction(id));
  const innocent = await Promise.all(open.map((connection) => innocentOn(connection, victim)));
  for (const one of innocent) if (one !== 'OK') told.add(`innocent calls: ${one}`);
  return [...told].sort().join(' and ') || 'OK';
}

function bodies(): HostileCase[] {
  const large = (bytes: number) => message(Buffer.alloc(bytes), 0, 4 * MIB);
  const OF_ONE = 'RESOURCE_EXHAUSTED RATE_LIMITED held_request_bytes_per_connection';
  const OF_ALL = 'RESOURCE_EXHAUSTED RATE_LIMITED held_request_bytes';
  const bomb = message(gzipSync(Buffer.alloc(4 * MIB - 100)), 1);
  const gzip = { 'grpc-encoding': 'gzip' };
  const cases: (Omit<Flood, 'run'> & { readonly sent: Unfinished })[] = [
    {
      name: 'unfinished requests on one connection',
      sends: '100 calls, 3 MiB of 4 MiB each',
      expected: OF_ONE,
      heldMiBMax: 110,
      isSample: true,
      sent: { connections: 1, streams: 100, body: large(3 * MIB), stepBytes: 512 << 10 },
    },
    {
      name: 'unfinished requests on many connections',
      sends: '16 × 12 calls, 3 MiB of 4 MiB each',
      expected: OF_ALL,
      heldMiBMax: 340,

      sent: { connections: 16, streams: 12, body: large(3 * MIB), stepBytes: MIB },
    },
    {
      name: 'unfinished requests, as many as streams',
      sends: '4 × 300 calls, 3 MiB of 4 MiB each',
      expected: OF_ONE,
      heldMiBMax: 340,
      sent: { connections: 4, streams: 300, body: large(3 * MIB), stepBytes: MIB },
    },
    {
      name: 'whole requests, without END_STREAM',
      sends: '200 calls of 1 MiB',
      expected: OF_ONE,
      heldMiBMax: 110,

      sent: { connections: 1, streams: 200, body: message(Buffer.alloc(MIB)) },
    },
    {
      name: 'a byte in each read',
      sends: '8 calls, 160 DATA frames of one byte, each with 64 KB of unknown frames behind it',
      expected: 'OK',
      heldMiBMax: 40,
      isSample: true,
      sent: { connections: 1, streams: 8, body: large(155), stepBytes: 1, filler: unknownFrames(4) },
    },
    {
      name: 'compression bombs at once',
      sends: '1,000 calls, each 4 MiB in 4 KB of gzip, without END_STREAM',
      expected: OF_ONE,
      heldMiBMax: 200,
      isSample: true,
      sent: { connections: 1, streams: 1000, header: gzip, body: bomb },
    },
    {
      name: 'compression bombs in a row',
      sends: '7 calls, each with 15 bombs behind each other',
      expected: 'UNIMPLEMENTED',
      heldMiBMax: 200,
      sent: { connections: 1, streams: 7, areRefused: true, header: gzip, body: Buffer.concat(Array(15).fill(bomb)) },
    },
    {
      name: 'unfinished small requests',
      sends: '2 × 990 calls, 1 KB of 4 MiB each',
      expected: 'OK',
      heldMiBMax: 100,

      sent: { connections: 2, streams: 990, body: large(1000) },
    },
    {
      name: 'unfinished calls with large metadata',
      sends: '990 calls with 15 KB of metadata',
      expected: 'OK',
      heldMiBMax: 100,
      sent: { connections: 1, streams: 990, header: { x: 'y'.repeat(15_000) }, body: Buffer.alloc(1) },
    },
    {
      name: 'unfinished questions to reflection',
      sends: '900 streams, 15 KB of 16 KiB each',
      expected: 'OK',
      heldMiBMax: 60,
      sent: { connections: 1, streams: 900, path: REFLECTION, body: message(Buffer.alloc(15_000), 0, 16_384) },
    },
    {
      name: 'tiny messages',
      sends: '300 calls, each 10,000 messages of no byte',
      expected: 'UNIMPLEMENTED',
      heldMiBMax: 60,
      sent: { connections: 1, streams: 300, areRefused: true, body: Buffer.alloc(50_000) },
    },
  ];
  return cases.map(({ sent, ...rest }) => flood({ ...rest, run: (flooding) => unfinished(flooding, sent) }));
}

function unknownFrames(count: number): Buffer {
  return Buffer.concat(Array(count).fill(frame(0xfa, FLAG.NONE, 0, Buffer.alloc(16_000))));
}

/** As large as a request may be, by a field that the replica does not know. */
function withLargeField(request: Buffer): Buffer {
  return message(Buffer.concat([request, delimited(1000, Buffer.alloc(4 * MIB - 100))]));
}

/** Calls that are in order, and answers that nobody takes. */
function unread(): HostileCase[] {
  const closed: readonly (readonly [number, number])[] = [[SETTING.INITIAL_WINDOW_SIZE, 0]];
  const asked =
    (path: string, body: Buffer, streams: number, isEnded = true) =>
    async (flooding: Flooding) => {
      const connection = await flooding.connect(closed);
      for (let at = 0; at < streams; at++) {
        const id = 2 * at + 1;
        await connection.send(headers(id, callHeaders(path)), data(id, body, isEnded ? FLAG.END_STREAM : FLAG.NONE));
      }
      // Who asks on another connection is answered; and the replica has come to the end of what was asked before.
      const told = await call(flooding.victim, GET_PATH, GET);
      await flooding.look();
      return told;
    };
  const large = (path: string, asked: Buffer) => async (flooding: Flooding) => {
    const body = withLargeField(asked);
    for (let connections = 0; connections < 4; connections++) {
      const connection = await flooding.connect(closed);
      for (let id = 1; id <= 31; id += 2) {
        await connection.send(headers(id, callHeaders(path)));
        await connection.sendData(id, body, FLAG.END_STREAM);
      }
    }
    const told = await call(flooding.victim, GET_PATH, withLargeField(encoded('GetParameter', { key: 'innocent' })));
    await flooding.look();
    return told;
  };
  const list = message(delimited(7, ''));
  return [
    flood({
      name: 'a window of 0 for reads',
      sends: '1,000 reads, whose answers are not taken',
      expected: 'OK',
      heldMiBMax: 40,
      isSample: true,
      run: asked(GET_PATH, GET, 1000),
    }),
    flood({
      name: 'a window of 0 for large reads',
      sends: '4 × 16 reads of 4 MiB, whose answers are not taken, then another one from elsewhere',
      expected: 'OK',
      heldMiBMax: 100,
      isSample: true,
      run: large(GET_PATH, encoded('GetParameter', { key: 'innocent' })),
    }),
    flood({
      name: 'a window of 0 for large watches',
      sends: '4 × 16 watches with requests of 4 MiB, then a read of 4 MiB from elsewhere',
      expected: 'OK',
      heldMiBMax: 100,
      run: large(METHODS.Watch.path, encoded('Watch', { keys: ['innocent'] })),
    }),
    flood({
      name: 'a window of 0 for watches',
      sends: '100 watches with a snapshot',
      expected: 'OK',
      heldMiBMax: 40,

      run: asked(METHODS.Watch.path, message(encoded('Watch', { prefixes: [''], sendInitial: true })), 100),
    }),
    flood({
      name: 'a window of 0 for reflection',
      sends: '900 streams with 90 questions each',
      expected: 'OK',
      heldMiBMax: 150,

      run: asked(
        REFLECTION,
        Buffer.concat(Array(90).fill(message(delimited(4, 'parameter.v1.ParameterService')))),
        900,
        false,
      ),
    }),
    flood({
      name: 'a window of 0 for health',
      sends: '1,000 watches of health',
      expected: 'OK',
      heldMiBMax: 40,
      run: asked('/grpc.health.v1.Health/Watch', message(Buffer.alloc(0)), 1000),
    }),
    flood({
      name: 'questions of reflection that are not answered in time',
      sends: '10 streams, 1,000 questions each',
      expected: 'OK',
      heldMiBMax: 40,
      run: asked(REFLECTION, Buffer.concat(Array(1000).fill(list)), 10, false),
    }),
    flood({
      name: 'a byte in each read of questions that wait',
      sends:
        '4 streams of reflection with 60 questions each, then 160 DATA frames of one byte with 64 KB of unknown frames',
      expected: 'OK',
      heldMiBMax: 20,
      isSample: true,
      run: async ({ victim, connect, look }) => {
        const connection = await connect(closed);
        const ids = [1, 3, 5, 7];
        const questions = Buffer.concat(Array(60).fill(message(Buffer.alloc(0))));
        for (const id of ids) await connection.send(headers(id, callHeaders(REFLECTION)), data(id, questions));
        for (let times = 0; times < 160; times++) {
          for (const id of ids) await connection.send(data(id, Buffer.of(0)), unknownFrames(4));
        }
        const told = await call(victim, GET_PATH, GET);
        await look();
        return told;
      },
    }),
    flood({
      name: 'a client that reads nothing',
      sends: '20,000 reads on one connection, whose socket is not read',
      expected: 'OK',
      heldMiBMax: 60,
      run: async ({ victim, connect, look }) => {
        const connection = await connect();
        connection.pause();
        for (let at = 0; at < 20_000; at++) {
          const id = 2 * at + 1;
          const sent = connection.send(headers(id, callHeaders(GET_PATH)), data(id, GET, FLAG.END_STREAM));
          await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 500))]);
        }
        await look();
        return call(victim, GET_PATH, GET);
      },
    }),
    flood({
      name: 'watches beyond 100',
      sends: '150 watches on one connection',
      expected: '100 of them run, others RESOURCE_EXHAUSTED LIMIT_EXCEEDED watches_per_connection',
      heldMiBMax: 20,
      isSample: true,
      run: async ({ connect, look }) => {
        const connection = await connect();
        const body = message(encoded('Watch', { prefixes: ['x'] }));
        const told: Record<string, number> = {};
        for (let id = 1; id < 300; id += 2) {
          await connection.send(headers(id, callHeaders(METHODS.Watch.path)), data(id, body, FLAG.END_STREAM));
          const one = await connection.reaction(id, { firstMessage: true });
          told[one] = (told[one] ?? 0) + 1;
        }
        await look();
        const { OK, ...others } = told;
        return `${OK} of them run, others ${Object.keys(others).join(' and ')}`;
      },
    }),
    flood({
      name: 'whole large requests',
      sends: '100 writes of 3 MiB at once, each with an invalid key',
      expected: 'INVALID_ARGUMENT or RESOURCE_EXHAUSTED RATE_LIMITED',
      heldMiBMax: 220,
      run: async ({ connect, look }) => {
        const connection = await connect();
        const body = message(
          encoded('SetParameter', { key: '', value: { kind: { $case: 'bytesValue', value: Buffer.alloc(MIB) } } }),
        );
        const ids = Array.from({ length: 100 }, (_, at) => 2 * at + 1);
        await Promise.all(
          ids.map(async (id) => {
            await connection.send(headers(id, callHeaders(SET_PATH)));
            await connection.sendData(id, body, FLAG.END_STREAM);
          }),
        );
        await look();
        const told = await Promise.all(ids.map((id) => connection.reaction(id)));
        const others = told.filter((one) => !/^(INVALID_ARGUMENT|RESOURCE_EXHAUSTED RATE_LIMITED)/.test(one));
        return others.length === 0 ? 'INVALID_ARGUMENT' : others.join();
      },
    }),
  ];
}

/** Connections that say little or nothing. */
function connections(): HostileCase[] {
  const many =
    (count: number, bytes: Buffer | undefined) =>
    async ({ victim, look }: Flooding) => {
      const open = await Promise.all(Array.from({ length: count }, () => RawConnection.open(victim.port)));
      try {
        if (bytes !== undefined) await Promise.all(open.map((connection) => connection.send(bytes)));
        const told = await call(victim, GET_PATH, GET);
        await look();
        return told;
      } finally {
        for (const connection of open) connection.close();
      }
    };
  const greeting = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings()]);
  return [
    flood({
      name: 'silent connections',
      sends: '500 that say nothing',
      expected: 'OK',
      heldMiBMax: 60,

      run: many(500, undefined),
    }),
    flood({
      name: 'connections that only greet',
      sends: '1,000 with a preface',
      expected: 'OK',
      heldMiBMax: 150,
      run: many(1000, greeting),
    }),
    flood({
      name: 'connections that end within a frame',
      sends: '1,000 with half a frame',
      expected: 'OK',
      heldMiBMax: 150,
      run: many(1000, Buffer.concat([greeting, Buffer.from([0, 64, 0, 0])])),
    }),
    flood({
      name: 'connections that come and go',
      sends: '3,000 one after the other, closed within their first call',
      expected: 'OK',
      heldMiBMax: 60,
      run: async ({ victim, look }) => {
        for (let count = 0; count < 3000; count++) {
          const connection = await RawConnection.open(victim.port);
          await connection.send(greeting, headers(1, callHeaders(GET_PATH)), data(1, GET.subarray(0, 9)));
          connection.close();
        }
        await look();
        return call(victim, GET_PATH, GET);
      },
    }),
  ];
}

export function floodCases(): HostileCase[] {
  return [...controlFrames(), ...bodies(), ...unread(), ...connections()];
}
