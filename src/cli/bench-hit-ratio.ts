import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { hitRatioPlot, hitRatioReport } from '../bench/hit-ratio/hit-ratio-report.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note, print } from './io.ts';
import { collected } from './options.ts';

interface HitRatioOptions {
  readonly trace?: readonly string[];
  readonly json?: string;
  readonly svg?: string;
}

export function registerBenchHitRatio(bench: Command, io: Io): void {
  bench
    .command('hit-ratio')
    .summary('replay reads on each policy of the near cache')
    .description('How many reads each policy of the near cache answers, beside the best that can be, at three sizes.')
    .option('--trace <file>', 'keys as big-endian 32-bit numbers, gzip; may be repeated', collected)
    .option('--json <file>', 'all figures')
    .option('--svg <file>', 'a plot of the means')
    .addHelpText('after', '\nExample:\n  paramd bench hit-ratio --trace mine.u32be.gz --svg hit-ratio.svg')
    .action(async ({ trace = [], json, svg }: HitRatioOptions) => {
      // Here and not above: it would make the start of every other command longer.
      const { missingTraces, replayAll } = await import('../bench/hit-ratio/replay-all.ts');
      const missing = missingTraces(trace);
      if (missing.length > 0) throw new Failure(EXIT.usage, `not there: ${missing.join(', ')}`);
      if (trace.length === 0) note(io, 'no --trace: the generated mixes alone are replayed');
      const replayed = replayAll(trace);
      if (json !== undefined) writeFileSync(json, `${JSON.stringify(replayed, undefined, 2)}\n`);
      if (svg !== undefined) writeFileSync(svg, hitRatioPlot(replayed));
      await print(io, hitRatioReport(replayed));
    });
}
