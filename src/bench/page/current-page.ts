import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from '../compare/compare-results.ts';
import { COMPARISONS } from '../comparisons.ts';
import { performancePage } from './performance-page.ts';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
export const RESULTS = join(import.meta.dirname, '..', 'results');

/** What docs/performance.md has to be. */
export function currentPage(): string {
  const template = readFileSync(join(import.meta.dirname, 'performance.template.md'), 'utf8');
  return performancePage(template, readResults(join(RESULTS, 'compare.json')), COMPARISONS);
}
