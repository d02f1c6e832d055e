import { expect } from 'chai';
import { reliabilityPage } from '../chaos/report.ts';
import { page, unpadded } from './pages.ts';

describe('docs/reliability.md', () => {
  it('is what the committed results say', () => {
    const remedy = 'npm run chaos:report && npm run format';
    expect(unpadded(page('docs/reliability.md')), `it is out of date: ${remedy}`).to.equal(unpadded(reliabilityPage()));
  });
});
