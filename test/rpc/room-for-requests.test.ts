import { expect } from 'chai';
import fc from 'fast-check';
import { type ArrivingRequest, heldRequests } from '../../src/rpc/held-requests.ts';
import { RPC_LIMITS } from '../../src/rpc/limits.ts';
import type { Runtime } from '../../src/rpc/runtime.ts';
import type { BaseCall } from '../../src/rpc/transport.ts';

const OF_ONE = 10_000;
const OF_ALL = 30_000;
const CONNECTIONS = 8;

/** On a stream that closes as soon as it is told to. */
class Request implements ArrivingRequest {
  readonly path = '/x';
  readonly base: BaseCall;
  readonly connection: number;
  readonly #refused: (request: Request) => void;
  bytes = 0;
  isWhole = false;

  constructor(connection: number, refused: (request: Request) => void) {
    this.connection = connection;
    this.#refused = refused;
    const closing: (() => void)[] = [];
    const close = () => {
      stream.closed = true;
      for (const run of closing.splice(0)) run();
    };
    const stream = { closed: false, destroyed: false, once: (_: string, run: () => void) => closing.push(run), close };
    this.base = { request: this, stream, sendStatus: () => {} } as unknown as BaseCall;
  }

  drop(): void {
    this.#refused(this);
  }
}

describe('room for requests (C15)', () => {
  it('is made by what is not whole, of connections that hold more than half the most', () => {
    const step = fc.record({
      does: fc.constantFrom('arrive', 'arrive', 'arrive', 'grow', 'be whole', 'be answered', 'end'),
      which: fc.nat(100),
      bytes: fc.integer({ min: 1, max: 6_000 }),
    });
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 200 }), (steps) => {
        const requests: Request[] = [];
        const known = Array.from({ length: CONNECTIONS }, (_, at) => ({ peer: `${at}` }));
        const requestOf = (base: BaseCall) => (base as unknown as { request: Request }).request;
        const held = heldRequests({
          limits: { ...RPC_LIMITS, heldRequestBytesPerConnectionMax: OF_ONE, heldRequestBytesMax: OF_ALL },
          open: { isUnfinished: (base: BaseCall) => !requestOf(base).isWhole, settled: () => {} },
          connectionOf: (base: BaseCall) => known[requestOf(base).connection],
          observer: { started() {}, ended() {} },
        } as unknown as Runtime);
        const heldBy = (connection: number) =>
          requests.reduce((sum, request) => (request.connection === connection ? sum + request.bytes : sum), 0);
        const byConnection = () => [...known.keys()].map(heldBy);
        const forget = (request: Request) => requests.splice(requests.indexOf(request), 1);
        /** Some that could go, of those that hold the most or more than half as much. */
        const someCanGo = () => {
          const rowOf = (connection: number) => Math.clz32(heldBy(connection));
          const first = Math.min(...[...known.keys()].map(rowOf));
          return requests.some(
            ({ isWhole, bytes, connection }) => !isWhole && bytes > 0 && rowOf(connection) === first,
          );
        };
        const answered: Request[] = [];
        let arriving: { request: Request; bytes: number };

        const refused = (request: Request) => {
          const bytes = heldBy(request.connection);
          const isArriving = request === arriving.request;
          const isBeyondItsOwn = isArriving && bytes + arriving.bytes > OF_ONE;
          const noneHasToGo = isArriving && !someCanGo();
          if (!isBeyondItsOwn && !noneHasToGo) {
            if (!isArriving) refusals++;
            expect(request.isWhole).to.equal(false);
            expect(bytes).to.be.greaterThan(Math.max(...byConnection()) / 2);
          }
          forget(request);
        };
        const take = (request: Request, bytes: number) => {
          arriving = { request, bytes };
          const isHeld = held.hold(request, bytes);
          expect(isHeld, 'or else it is refused').to.equal(requests.includes(request));
          if (isHeld) request.bytes += bytes;
          const all = byConnection();
          expect(Math.max(...all)).to.be.at.most(OF_ONE);
          expect(all.reduce((sum, bytes) => sum + bytes)).to.be.at.most(OF_ALL);
        };

        for (const { does, which, bytes } of steps) {
          const one = requests[which % Math.max(1, requests.length)];
          if (does === 'arrive') {
            const request = new Request(which % CONNECTIONS, refused);
            requests.push(request);
            take(request, bytes);
          } else if (one === undefined) continue;
          else if (does === 'grow' && !one.isWhole) take(one, bytes);
          else if (does === 'be whole') one.isWhole = true;
          else if (does === 'be answered' && one.isWhole) {
            forget(one);
            answered.push(one);
            held.release(one);
          } else if (does === 'end') {
            forget(one);
            one.base.stream.close();
          }
        }
        for (const request of [...requests.splice(0), ...answered]) request.base.stream.close();
        // All room is back.
        for (let connection = 0; connection < OF_ALL / OF_ONE; connection++) {
          const request = new Request(connection, refused);
          requests.push(request);
          take(request, OF_ONE);
        }
        expect(requests).to.have.length(OF_ALL / OF_ONE);
      }),
      { numRuns: 200 },
    );
    expect(refusals).to.be.greaterThan(100);
  });
});
