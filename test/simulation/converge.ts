import { textOfParameter } from '../core/cluster.ts';
import { callPlace } from './call-place.ts';
import { writtenValue } from './chronicle.ts';
import { type Client, KEYS } from './client.ts';
import { type Fleet, type Place, STORE_PATIENCES_MS } from './fleet.ts';
import type { Follower } from './follow.ts';
import { getOnce } from './read-once.ts';
import { writeOnce } from './write-once.ts';

/** From the healing of everything, for replicas to serve at the head and for watches to have come to it. */
const CONVERGED_MS_MAX = 10_000;
const LOOK_MS = 40;
/** A load that was sent just before the healing holds up others for as long as a replica waits for the store. */
const LAST_LOOK_MS_MAX = 2 * Math.max(...STORE_PATIENCES_MS);

/** Everything heals: then all replicas serve, agree with the store and with each other, and watches come to the head. */
export async function converge(fleet: Fleet, followers: readonly Follower[], client: Client): Promise<void> {
  const healedAtMs = fleet.world.monotonicMs();
  for (const follower of followers) follower.stay();
  const inTime = async (what: string, isSo: () => boolean) => {
    while (!isSo()) {
      if (fleet.world.monotonicMs() - healedAtMs > CONVERGED_MS_MAX) {
        fleet.defect('C6', 'not converged', `${what}, ${CONVERGED_MS_MAX} ms after everything had healed`);
        return;
      }
      await fleet.sleep(LOOK_MS);
    }
  };
  await inTime('not every replica serves', () => fleet.places.every((place) => place.replica?.core !== undefined));
  await inTime('not every replica knows the primary', () =>
    fleet.places.every(
      ({ replica }) =>
        replica?.core?.status().epochNumber === epochOf(fleet).number &&
        epochOf(fleet).incarnation === fleet.servers.primary.name,
    ),
  );
  // What was sent long ago and is late still counts when it comes.
  await inTime('a request never arrives', () => fleet.onTheWay === 0);
  for (const place of fleet.places) {
    client.home = place;
    await writeOnce(client, `last ${place.name}`);
    await getOnce(client);
  }
  const head = () => fleet.servers.primary.store.head.revision;
  await inTime('not every replica is at the head', () =>
    fleet.places.every((place) => place.replica?.core?.status().applied === head()),
  );
  await inTime('not every watch came to the head', () => followers.every((follower) => follower.isAt(head())));
  for (const follower of followers) follower.finish(true);
  for (const place of fleet.places) await agree(fleet, place);
  if (fleet.auditInconsistent > 0)
    fleet.defect('C5', 'audit', `${fleet.auditInconsistent} cached entries differed from the store`);
}

function epochOf(fleet: Fleet) {
  return fleet.servers.primary.store.head.epoch;
}

async function agree(fleet: Fleet, place: Place): Promise<void> {
  const { current } = fleet.servers.primary.store;
  const options = { name: 'the last look', deadlineMs: LAST_LOOK_MS_MAX, source: 'last' };
  for (const key of new Set(KEYS)) {
    const { answer } = await callPlace(fleet, place, options, (core, call) =>
      core.getMany([key], { linearizable: false }, call),
    );
    const there = current.get(key);
    if (answer.status !== 'ok')
      fleet.defect('C6', 'not converged', `${place.name} answers ${key} with ${answer.reason}`);
    else if (answer.value.parameters.length !== (there === undefined ? 0 : 1)) {
      const stored = there === undefined ? 'absent' : `${writtenValue(there)} (${textOfParameter(there)})`;
      fleet.defect('C5', 'not converged', `${place.name} disagrees with the store, in which ${key} is ${stored}`);
    }
  }
  const { answer } = await callPlace(fleet, place, { ...options, name: 'audit' }, (core) => core.audit());
  const outcome = answer.status === 'ok' ? answer.value.outcome : answer.reason;
  if (outcome !== 'compared') fleet.defect('C6', 'not converged', `${place.name} cannot be audited: ${outcome}`);
}
