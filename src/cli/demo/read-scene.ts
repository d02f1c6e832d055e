import { Tier } from '../../../gen/parameter/v1/freshness.ts';
import { formatValue } from '../../client/index.ts';
import { type Fleet, MAX_USERS, type Member } from './fleet.ts';
import { type Cell, milliseconds, type Stage } from './stage.ts';

export const TIER_CELLS: Readonly<Record<number, Cell>> = {
  [Tier.TIER_NEAR_CACHE]: { text: 'near cache', style: 'green' },
  [Tier.TIER_SHARED_CACHE]: { text: 'shared cache', style: 'cyan' },
  [Tier.TIER_STORE]: { text: 'store', style: 'yellow' },
};

export async function readScene(stage: Stage, { one, two, servers }: Fleet): Promise<void> {
  await stage.scene('A read is answered by the nearest tier that knows, and says what it is worth');
  const row = stage.table([
    [`get ${MAX_USERS}`, 23],
    ['value', -5],
    ['served from', 12],
    ['took', -8],
    ['reflects', 10],
    ['was current', 22],
  ]);
  for (const [member, words] of [
    [one, 'through one'],
    [one, 'through one, again'],
    [two, 'through two'],
    [two, 'through two, again'],
  ] as const) {
    await stage.pause(800);
    row(words, ...(await readOnce(member)));
  }
  const filled = servers.valkey === undefined ? 'the memory' : 'memory and Valkey';
  stage.moral(
    `No cache knew the key: the first read went to PostgreSQL, and filled ${filled}.`,
    'Every answer says how stale it can possibly be. Never more than 500 ms, unless it is flagged.',
  );
}

async function readOnce({ client }: Member): Promise<Cell[]> {
  const begun = performance.now();
  const { parameter, freshness } = await client.get(MAX_USERS);
  const took = performance.now() - begun;
  const { seconds, nanos } = freshness.stalenessBound ?? { seconds: 0n, nanos: 0 };
  return [
    formatValue(parameter?.value),
    TIER_CELLS[freshness.servedFrom] ?? 'unknown',
    milliseconds(took),
    `revision ${freshness.revision}`,
    `at most ${milliseconds(Number(seconds) * 1000 + nanos / 1e6)} ago`,
  ];
}
