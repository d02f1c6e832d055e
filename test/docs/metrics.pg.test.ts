import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type Fleet, startFleet } from '../e2e/replicas.ts';
import { firstColumn, page, part } from './pages.ts';

describe('operations.md has every metric', () => {
  let fleet: Fleet;
  let text: string;
  let shown: readonly string[];
  before(async () => {
    fleet = await startFleet({ count: 1 });
    const { replica } = fleet.replicas[0]!;
    const response = await fetch(`http://${replica.httpHost}:${replica.httpPort}/metrics`);
    text = await response.text();
    shown = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  });
  after(() => fleet?.close());

  it('that /metrics shows, and no other', () => {
    // Those of the process itself come from prom-client, under its names.
    const ours = shown.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(firstColumn(part('docs/operations.md', 'metrics')).toSorted()).to.deep.equal(ours.toSorted());
  });

  it('that an alert is about, with its labels', () => {
    const [, section = ''] = /^## Alerts$([\s\S]*?)^## /m.exec(page('docs/operations.md')) ?? [];
    const series = [...section.matchAll(/\b((?:paramd|grpc|nodejs|process)_\w+)(?:\{(\w+)="(\w+)"\})?/g)];
    expect(series.length).to.be.greaterThan(10);
    for (const [, name = '', label, value] of series) {
      expect(shown, name).to.include(name.replace(/_count$/, ''));
      if (label === 'status') expect(status).to.have.property(value!);
      else if (label !== undefined) expect(text).to.contain(`${name}{${label}="${value}"}`);
    }
  });
});
