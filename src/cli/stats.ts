import type { Command } from 'commander';
import { GetStatsResponse_BusState as Bus, GetStatsResponse } from '../../gen/parameter/v1/cache_service.ts';
import { formatDuration } from '../client/index.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { type Io, print } from './io.ts';
import { type Output, withOutput } from './options.ts';
import { protoJson } from './proto-json.ts';
import { columns, paint, TIERS } from './render.ts';
import { visible } from './visible.ts';

const BUS: Record<number, string> = {
  [Bus.BUS_STATE_CONNECTED]: 'connected',
  [Bus.BUS_STATE_DISCONNECTED]: 'disconnected: changes come by polling',
  [Bus.BUS_STATE_DISABLED]: 'disabled: there is no Valkey',
};

export function registerStats(program: Command, io: Io): void {
  const command = program
    .command('stats')
    .summary('show the caches of a replica')
    .description('Shows the caches and the state of the one replica that answers, counted since its start.');
  withConnection(withOutput(command))
    .addHelpText('after', "\nExamples:\n  paramd stats\n  paramd stats -o json | jq '.tiers[] | .hitRatio'")
    .action((options: ConnectionOptions & { readonly output: Output }) =>
      withClient(io, options, async (client, signal) => {
        const stats = await client.stats({ signal });
        const lines =
          options.output === 'json' ? [protoJson('GetStatsResponse', GetStatsResponse, stats)] : linesOf(io, stats);
        for (const line of lines) await print(io, line);
      }),
    );
}

function linesOf(io: Io, stats: GetStatsResponse): string[] {
  const none = { seconds: 0n, nanos: 0 };
  const facts = [
    ['replica', `${visible(stats.replicaId)} (paramd ${visible(stats.serverVersion)})`],
    ['up for', formatDuration({ seconds: stats.uptime?.seconds ?? 0n, nanos: 0 })],
    ['revision', `${stats.appliedRevision}, proven to be the head ${formatDuration(stats.freshnessAge ?? none)} ago`],
    ['bus', BUS[stats.busState] ?? 'unknown'],
    ['loads', `${stats.loads} from the store`],
    ['watchers', String(stats.watchers)],
  ];
  const tiers = stats.tiers.map((tier) => [
    TIERS[tier.tier] ?? 'unknown',
    ...[tier.hits, tier.misses].map(String),
    `${(tier.hitRatio * 100).toFixed(1)} %`,
    ...[tier.entries, tier.bytes, tier.evictions].map(String),
  ]);
  const heading = ['TIER', 'HITS', 'MISSES', 'HIT RATIO', 'ENTRIES', 'BYTES', 'EVICTIONS'];
  const [first = '', ...rest] = columns([heading, ...tiers]);
  return [...columns(facts), '', paint(io, 'bold', first), ...rest];
}
