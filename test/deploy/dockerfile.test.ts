import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load-config.ts';

// Nothing here builds an image; docs/deploy/container.md tells how its steps are run by hand.
const steps = readFileSync('Dockerfile', 'utf8')
  .replaceAll(/^#.*$/gm, '')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '');
const packageJson = JSON.parse(readFileSync('package.json', 'utf8'));

/** The arguments of all steps of this kind. */
function of(instruction: string): string[] {
  return steps.filter((step) => step.startsWith(`${instruction} `)).map((step) => step.slice(instruction.length + 1));
}

/** What the image sets. */
function environment(): NodeJS.ProcessEnv {
  const pairs = of('ENV').flatMap((line) => line.trim().split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => pair.split('=', 2)));
}

describe('Dockerfile', () => {
  it('copies what is there and what .dockerignore lets through', () => {
    const sent = readFileSync('.dockerignore', 'utf8').match(/(?<=^!).+$/gm) ?? [];
    const copied = of('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    expect([...new Set(copied)].sort()).to.deep.equal([...sent].sort());
    for (const path of copied) expect(existsSync(path), path).to.equal(true);
  });

  it('sets a valid configuration, and exposes its ports', () => {
    const config = loadConfig({ ...environment(), PGHOST: 'db' }, { embeddedAllowed: false });
    expect(of('EXPOSE')).to.deep.equal([`${config.listen.port} ${config.httpListen.port}`]);
    expect([config.listen.host, config.httpListen.host]).to.deep.equal(['0.0.0.0', '0.0.0.0']);
  });

  it('runs scripts that are there, on a Node that is new enough', () => {
    for (const [, script = ''] of of('RUN')
      .join('\n')
      .matchAll(/npm run (\S+)/g)) {
      expect(packageJson.scripts).to.have.property(script);
    }
    const [needed] = /\d+/.exec(packageJson.engines.node) ?? [];
    expect(of('ARG')).to.deep.equal(['NODE_VERSION=24']);
    expect(Number(needed)).to.be.at.most(24);
  });

  it('runs serve as an ordinary user, with production dependencies only', () => {
    const last = steps.slice(steps.findLastIndex((step) => step.startsWith('FROM ')));
    expect(last).to.include('USER node');
    expect(last).to.include('COPY --from=dependencies /app/node_modules node_modules');
    expect(last.filter((step) => step.startsWith('RUN '))).to.deep.equal([]);
    expect(of('RUN').filter((line) => line.includes('--omit=dev --omit=optional'))).to.have.length(1);
    expect(of('ENTRYPOINT')).to.deep.equal(['["node", "/app/bin/paramd.js"]']);
    expect(of('CMD')).to.deep.equal(['["serve"]']);
    expect(of('HEALTHCHECK').join()).to.match(/ CMD \["node", "bin\/paramd\.js", "health"/);
  });
});
