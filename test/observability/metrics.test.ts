import { expect } from 'chai';
import type { Status } from '../../src/core/api.ts';
import { measureCalls } from '../../src/observability/call-metrics.ts';
import { createRegistry } from '../../src/observability/registry.ts';
import { exposePool, exposeStatus } from '../../src/observability/status-metrics.ts';
import { createTelemetry } from '../../src/observability/telemetry.ts';
import { COUNTERS, HISTOGRAMS } from '../../src/ports/telemetry.ts';
import { silent } from './support.ts';

const STATUS: Status = {
  tiers: [{ tier: 'near-cache', hits: 9, misses: 1, entries: 5, bytes: 500, evictions: 2 }],
  applied: 42n,
  freshnessAgeMs: 120,
  busState: 'disconnected',
  loads: 1,
  watchers: 3,
  watchQueueBytes: 77,
  storeReachable: true,
  epochNumber: 1n,
  compactRevision: 7n,
};

function newRegistry() {
  return createRegistry({ version: '1.2.3', replicaId: 'r1' });
}

describe('metrics', () => {
  it('expose every counter and histogram', async () => {
    const registry = newRegistry();
    const telemetry = createTelemetry(silent, registry);
    telemetry.add('near_hits');
    telemetry.add('near_hits', 4);
    telemetry.observe('load_seconds', 0.003);
    telemetry.observe('load_seconds', Number.NaN);
    expect(telemetry.total('near_hits')).to.equal(5);

    const text = await registry.metrics();
    expect(text).to.contain('paramd_log_lines_dropped_total 3\n');
    expect(await registry.metrics()).to.contain('paramd_near_hits_total 5\n'); // a second scrape counts nothing twice
    expect(text).to.contain('paramd_near_hits_total 5\n').and.contain('paramd_load_seconds_count 1\n');
    for (const name of Object.keys(COUNTERS)) expect(text).to.contain(`# TYPE paramd_${name}_total counter\n`);
    for (const name of Object.keys(HISTOGRAMS)) expect(text).to.contain(`# TYPE paramd_${name} histogram\n`);
  });

  it('show what the core is at', async () => {
    const registry = newRegistry();
    let status = STATUS;
    exposeStatus(registry, () => status);
    exposePool(registry, () => ({ total: 8, idle: 5, waiting: 2 }));
    const text = await registry.metrics();
    for (const line of [
      'paramd_build_info{version="1.2.3",node="',
      'paramd_tier_hits_total{tier="near-cache"} 9\n',
      'paramd_tier_misses_total{tier="near-cache"} 1\n',
      'paramd_tier_evictions_total{tier="near-cache"} 2\n',
      'paramd_tier_entries{tier="near-cache"} 5\n',
      'paramd_tier_bytes{tier="near-cache"} 500\n',
      'paramd_applied_revision 42\n',
      'paramd_compact_revision 7\n',
      'paramd_epoch_number 1\n',
      'paramd_freshness_age_seconds 0.12\n',
      'paramd_store_reachable 1\n',
      'paramd_watchers 3\n',
      'paramd_watch_queue_bytes 77\n',
      'paramd_bus_state{state="connected"} 0\n',
      'paramd_bus_state{state="disconnected"} 1\n',
      'paramd_read_pool_connections{state="busy"} 3\n',
      'paramd_read_pool_waiting 2\n',
      'nodejs_eventloop_lag_p99_seconds ',
      'process_cpu_seconds_total ',
    ]) {
      expect(text).to.contain(line);
    }
    status = { ...STATUS, busState: 'connected', applied: 43n, storeReachable: false };
    const later = await registry.metrics();
    expect(later).to.contain('paramd_bus_state{state="connected"} 1\n').and.contain('paramd_applied_revision 43\n');
    expect(later).to.contain('paramd_store_reachable 0\n');
  });

  it('measure calls, with no label that a client can make grow', async () => {
    const registry = newRegistry();
    const calls = measureCalls(registry);
    const get = '/parameter.v1.ParameterService/GetParameter';
    calls.started(get);
    expect(await registry.metrics()).to.contain(
      'grpc_server_calls_in_flight{method="parameter.v1.ParameterService/GetParameter"} 1\n',
    );
    calls.ended(get, 3, { status: 'OK', peer: 'p' });
    for (let index = 0; index < 100; index++) {
      calls.started(`/made.up/M${index}`);
      calls.ended(`/made.up/M${index}`, 0, { status: `MADE_UP_${index}`, peer: `10.0.0.${index}` });
    }

    const text = await registry.metrics();
    const known = 'method="parameter.v1.ParameterService/GetParameter",status="OK"';
    expect(text).to.contain(`grpc_server_call_duration_seconds_bucket{le="0.0025",${known}} 0\n`);
    expect(text).to.contain(`grpc_server_call_duration_seconds_bucket{le="0.005",${known}} 1\n`);
    expect(text).to.contain('grpc_server_call_duration_seconds_count{method="other",status="other"} 100\n');
    expect(text).to.contain('grpc_server_calls_in_flight{method="other"} 0\n');
    expect(text).to.not.contain('made').and.not.contain('10.0.0.');
  });

  it('are named as Prometheus has it', async () => {
    const registry = newRegistry();
    createTelemetry(silent, registry);
    exposeStatus(registry, () => STATUS);
    exposePool(registry, () => ({ total: 0, idle: 0, waiting: 0 }));
    measureCalls(registry);
    const metrics = registry.getMetricsAsArray() as unknown as { name: string; type: string; help: string }[];
    for (const { name, type, help } of metrics.filter((metric) => !metric.name.startsWith('nodejs_'))) {
      expect(name).to.match(/^[a-z][a-z0-9_]*$/);
      expect(help, name).to.not.equal('');
      expect(name.endsWith('_total'), name).to.equal(type === 'counter');
    }
  });
});
