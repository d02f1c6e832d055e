import { expect } from 'chai';
import { currentPage } from '../../src/bench/page/current-page.ts';
import { page, unpadded } from './pages.ts';

describe('docs/performance.md', () => {
  it('is what the committed results say', () => {
    const remedy = 'node src/bench/page/main.ts';
    expect(unpadded(page('docs/performance.md')), `it is out of date: ${remedy}`).to.equal(unpadded(currentPage()));
  });
});
