import { expect } from 'chai';
import fc from 'fast-check';
import { type Change, ParamdRpcError } from '../../src/client/index.ts';
import { clientContract } from './contract.ts';
import { expectFailure, FAILING, FAILING_COMPACTED, type Failing, prepare } from './contract-errors.ts';
import { nearCacheContract } from './contract-near-cache.ts';
import { course } from './contract-random.ts';
import {
  type ContractSubject,
  outcomeOf,
  SUBJECTS,
  startMemorySubject,
  startServerSubject,
} from './contract-subject.ts';

for (const [name, start] of Object.entries(SUBJECTS)) {
  clientContract(name, start);
  nearCacheContract(name, start);
}

describe('errors of the client, in memory and over a server alike', () => {
  for (const failing of FAILING) it(failing.name, () => compare(failing, prepare));
  for (const failing of FAILING_COMPACTED) {
    it(failing.name, () =>
      compare(failing, async (subject) => {
        await prepare(subject);
        await subject.compact();
      }),
    );
  }
});

/** Both fail as is expected, and in everything else that the error tells they are equal: messages, details. */
async function compare(failing: Failing, prepared: (subject: ContractSubject) => Promise<void>): Promise<void> {
  const subjects = [await startMemorySubject(), await startServerSubject()];
  const outcomes = [];
  for (const subject of subjects) {
    await prepared(subject);
    const error: unknown = await failing.call(subject.client, subject).then(
      () => new Error('it did not fail'),
      (thrown: unknown) => thrown,
    );
    await subject.close();
    if (!(error instanceof ParamdRpcError)) throw error;
    expectFailure(failing, error);
    outcomes.push(await outcomeOf(Promise.reject(error)));
  }
  expect(outcomes[0]).to.deep.equal(outcomes[1]);
}

describe('random courses of the client', () => {
  it('come to the same in memory and over a server, in near caches too', async () => {
    await fc.assert(
      fc.asyncProperty(course, async (steps) => {
        const [memory, server] = [await startMemorySubject(), await startServerSubject()];
        const followers = [await follow(memory), await follow(server)];
        try {
          for (const [at, { name, run }] of steps.entries()) {
            expect(await run(memory), `step ${at}: ${name}`).to.deep.equal(await run(server));
          }
          const [ofMemory, ofServer] = [await followers[0]!.told(), await followers[1]!.told()];
          expect(ofMemory).to.deep.equal(ofServer);
        } finally {
          for (const { cache } of followers) await cache.close();
          await memory.close();
          await server.close();
        }
      }),
      { numRuns: Number(process.env.PARAMD_TEST_COURSES ?? 30) },
    );
  }).timeout(120_000);
});

/** A near cache, and all that it was told of. */
async function follow({ client }: ContractSubject) {
  const cache = client.cache({ prefixes: ['a', 'last'], log: () => {} });
  await cache.ready();
  const changes: Change[] = [];
  cache.onChange({ prefix: '' }, (change) => changes.push(change));
  const told = async () => {
    const { revision } = await client.set('last', 1n);
    await cache.atLeast(revision);
    return { changes, entries: [...cache.entries()].sort(), revision: cache.revision };
  };
  return { cache, told };
}
