import { expect } from 'chai';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { firstColumn, part } from './pages.ts';

describe('operations.md has every metric', () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await startFleet();
  });
  after(() => fleet?.close());

  it('that /metrics shows, and no other', async () => {
    const { replica } = await fleet.add();
    const response = await fetch(`http://${replica.httpHost}:${replica.httpPort}/metrics`);
    const shown = [...(await response.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    // Those of the process itself come from prom-client, under its names.
    const ours = shown.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(firstColumn(part('docs/operations.md', 'metrics')).toSorted()).to.deep.equal(ours.toSorted());
  });
});
