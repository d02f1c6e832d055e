import type { Event } from '../../../gen/parameter/v1/parameter.ts';
import { preview } from '../render.ts';
import { BANNER, type Fleet, MAX_USERS } from './fleet.ts';
import { type Follower, verbOf } from './follower.ts';
import { milliseconds, type Stage } from './stage.ts';

export async function watchScene(stage: Stage, { one }: Fleet, follower: Follower): Promise<void> {
  await stage.scene('A watch on two prints every change, in order, as it comes');
  let begun = 0;
  follower.onEvent = (event) => {
    const took = performance.now() - begun;
    stage.line(
      '  two  ',
      { text: verbOf(event).padEnd(7), style: verbOf(event) === 'put' ? 'green' : 'red' },
      describe(event).padEnd(34),
      { text: `revision ${event.revision}   ${milliseconds(took)} after the call began`, style: 'dim' },
    );
  };
  const steps: readonly (readonly [command: string, act: () => Promise<bigint>])[] = [
    [`set ${MAX_USERS} 300`, async () => (await one.client.set(MAX_USERS, 300n)).revision],
    [
      'commit two keys at one revision',
      async () =>
        (
          await one.client.commit([
            { set: 'app:limits:rate', value: 50n },
            { set: 'app:limits:burst', value: 200n },
          ])
        ).revision,
    ],
    [`delete ${BANNER}`, () => one.client.delete(BANNER)],
  ];
  for (const [command, act] of steps) {
    await stage.pause(1000);
    stage.line('one  ', { text: command, style: 'bold' });
    begun = performance.now();
    await follower.reached(await act());
  }
  follower.onEvent = () => {};
  stage.moral('No gap, none twice, never half of a commit; after a broken connection it goes on where it was.');
}

function describe({ parameter }: Event): string {
  if (parameter === undefined) return '';
  return parameter.value === undefined ? parameter.key : `${parameter.key} = ${preview(parameter.value, 20)}`;
}
