import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Record<string, string | number>;
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly healthcheck?: object;
  readonly ports?: readonly string[];
  readonly expose?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
}

const compose = read<{ services: Record<string, Service>; volumes: Record<string, null> }>('docker-compose.yml');
const { services } = compose;
const paramd = services.paramd as Service;

function read<T>(file: string): T {
  return parse(readFileSync(file, 'utf8'));
}

/** As compose does it when nothing is set. */
function interpolated(environment: Record<string, string | number> = {}): NodeJS.ProcessEnv {
  const values = Object.entries(environment).map(([name, value]) => [
    name,
    String(value).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'),
  ]);
  return Object.fromEntries(values);
}

const config = loadConfig(interpolated(paramd.environment), { embeddedAllowed: false });

/** Every value under a key of this name, however deep. */
function under(name: string, tree: unknown): unknown[] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([key, value]) => [...(key === name ? [value] : []), ...under(name, value)]);
}

describe('docker-compose.yml', () => {
  it('configures replicas that the load balancer and Prometheus find', () => {
    expect(paramd.expose).to.deep.equal([`${config.listen.port}`, `${config.httpListen.port}`]);

    const envoy = read<{ static_resources: { listeners: unknown; clusters: unknown } }>('deploy/envoy.yaml');
    const [upstream] = under('socket_address', envoy.static_resources.clusters);
    expect(upstream).to.deep.equal({ address: 'paramd', port_value: config.listen.port });
    const [inside] = under('socket_address', envoy.static_resources.listeners) as { port_value: number }[];
    expect(services['load-balancer']?.ports).to.deep.equal([`127.0.0.1:50051:${inside?.port_value}`]);

    const [targets] = under('dns_sd_configs', read('deploy/prometheus.yml')) as { names: string[]; port: number }[][];
    expect(targets?.[0]).to.deep.include({ names: ['paramd'], port: config.httpListen.port });
  });

  it('gives replicas the passwords that the servers have', () => {
    const postgres = interpolated(services.postgres?.environment);
    const replica = interpolated(paramd.environment);
    expect(replica.PGPASSWORD).to.equal(postgres.POSTGRES_PASSWORD);
    expect([replica.PGUSER, replica.PGDATABASE]).to.deep.equal([postgres.POSTGRES_USER, postgres.POSTGRES_DB]);
    const valkey = interpolated(services.valkey?.environment);
    const url = new URL(config.valkeyUrl ?? '');
    expect(services.valkey?.command?.at(-1)).to.equal(services.valkey?.environment?.REDISCLI_AUTH);
    expect([url.password, url.hostname]).to.deep.equal([valkey.REDISCLI_AUTH, 'valkey']);
    expect(services).to.have.property(config.pgHost ?? '');
  });

  it('lets replicas drain', () => {
    const graceMs = Number.parseInt(paramd.stop_grace_period ?? '', 10) * 1000;
    expect(graceMs).to.be.at.least(config.drainMs + 5000);
  });

  it('opens nothing to other machines', () => {
    for (const port of under('ports', services).flat()) expect(port).to.match(/^127\.0\.0\.1:/);
  });

  it('names only what is there', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.image, name).to.not.match(/:latest$/);
      for (const other of Object.keys(service.depends_on ?? {})) expect(services).to.have.property(other);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(source), source).to.equal(true);
        else expect(compose.volumes).to.have.property(source);
      }
      expect(service.healthcheck !== undefined || service.build === '.', `${name} has a health check`).to.equal(true);
    }
  });
});
