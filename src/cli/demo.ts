import type { Command } from 'commander';
import { EmbeddedError } from '../embedded/embedded-server.ts';
import { type Fleet, openFleet } from './demo/fleet.ts';
import { follow } from './demo/follower.ts';
import { outageScene } from './demo/outage-scene.ts';
import { readScene } from './demo/read-scene.ts';
import { openStage, type Stage } from './demo/stage.ts';
import { statsScene } from './demo/stats-scene.ts';
import { watchScene } from './demo/watch-scene.ts';
import { writeScene } from './demo/write-scene.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note } from './io.ts';
import { packageVersion } from './package-root.ts';
import { paint } from './render.ts';

export function registerDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .summary('see what paramd does, in a minute')
    .description(
      'Shows paramd at work: two replicas on a PostgreSQL and a Valkey of their own, in a temporary folder that is removed at the end. Nothing that runs on this machine is touched. Ctrl-C ends it at any time.',
    )
    .option('--fast', 'without pauses for reading')
    .addHelpText('after', '\nExample:\n  paramd demo')
    .action(async ({ fast = false }: { readonly fast?: boolean }) => {
      const signal = io.interrupted();
      try {
        await play(io, openStage(io, signal, fast));
      } catch (error) {
        if (signal.aborted) note(io, 'the demo was ended, and all of it removed');
        else if (error instanceof EmbeddedError) throw new Failure(EXIT.error, error.message, { cause: error });
        else throw error;
      }
    });
}

async function play(io: Io, stage: Stage): Promise<void> {
  io.stdout.write(
    `${paint(io, 'bold', `paramd ${packageVersion()}`)} keeps parameters in PostgreSQL, answers from memory, and streams every change.\n` +
      'What you see happens now, on real servers in a temporary folder. Ctrl-C ends it.\n\n',
  );
  const begun = performance.now();
  const fleet = await openFleet(io, stage.signal);
  try {
    introduce(stage, fleet, performance.now() - begun);
    await readScene(stage, fleet);
    await writeScene(stage, fleet);
    const follower = await follow(fleet.two, 'app:');
    try {
      await watchScene(stage, fleet, follower);
      await outageScene(stage, fleet, follower);
    } finally {
      await follower.close();
    }
    await statsScene(stage, fleet);
    await stage.pause(1000);
  } finally {
    await fleet.close();
  }
  io.stdout.write(`\n${paint(io, 'bold', 'That was all; nothing of it runs any more.')} Yours to try:\n\n${NEXT}\n`);
}

function introduce(stage: Stage, { one, two, servers }: Fleet, tookMs: number): void {
  const row = stage.table([
    ['server', 15],
    ['address', 15],
    ['', 0],
  ]);
  const { postgres, valkey } = servers;
  row(postgres.description, `127.0.0.1:${postgres.port}`, 'keeps the parameters');
  if (valkey !== undefined) row(valkey.description, `127.0.0.1:${valkey.port}`, 'shared cache, and carries the news');
  for (const { name, target } of [one, two]) row(`replica ${name}`, target, 'gRPC, with a near cache in memory');
  stage.moral(`Started in ${(tookMs / 1000).toFixed(1)} s.`);
}

const NEXT = `   npx paramd dev                             the same to keep, with its data in .paramd/
   npx paramd set app:config:max_users 100    in another terminal
   npx paramd watch app:config:
   npx paramd --help`;
