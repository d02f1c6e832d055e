// `node src/bench/page/main.ts`: docs/performance.md and its plots, from the results and the template beside.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from '../compare/compare-results.ts';
import { plotsOf } from '../compare/plots.ts';
import { currentPage, RESULTS, ROOT } from './current-page.ts';

for (const [name, svg] of Object.entries(plotsOf(readResults(join(RESULTS, 'compare.json'))))) {
  writeFileSync(join(RESULTS, `${name}.svg`), svg);
}
writeFileSync(join(ROOT, 'docs', 'performance.md'), currentPage());
