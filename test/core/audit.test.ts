import { expect } from 'chai';
import { Cluster, setText } from './cluster.ts';

describe('the auditor', () => {
  let cluster: Cluster;
  afterEach(() => cluster.stop());

  it('finds nothing where the near cache is right, while writes go on', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    for (let at = 0; at < 80; at++) await cluster.run(one!.set(`k${at}`, 'x'));
    for (let at = 0; at < 80; at++) await cluster.run(two!.get(`k${at}`));
    await cluster.run(two!.get('absent'));
    const writing = cluster.run(one!.write([setText('k1', 'y'), setText('absent', 'z')]));
    const { sampled, inconsistent } = await cluster.run(two!.core.audit());
    await writing;
    expect(sampled).to.be.within(1, 50);
    expect(inconsistent).to.equal(0);
  });

  it('finds an entry that the log does not explain', async () => {
    cluster = await Cluster.start();
    const [one, two] = cluster.replicas;
    await cluster.run(one!.set('a', '1'));
    await cluster.run(one!.set('b', '1'));
    await cluster.run(two!.get('a'));
    // Behind the log's back.
    (cluster.store.current as Map<string, unknown>).delete('a');
    expect(await cluster.run(two!.core.audit())).to.deep.equal({ sampled: 1, inconsistent: 1 });
    expect(two!.telemetry.total('audit_inconsistent')).to.equal(1);
    expect(two!.telemetry.lines.some((line) => line.startsWith('error '))).to.equal(true);
  });
});
