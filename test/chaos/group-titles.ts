/** Headings of the groups of faults. */
export const GROUP_TITLES: Readonly<Record<string, string>> = {
  nothing: 'Nothing broken',
  replica: 'Replicas',
  valkey: 'Valkey',
  bus: 'The bus',
  postgres: 'PostgreSQL',
  failover: 'Failovers of PostgreSQL',
  clock: 'Clocks',
  watchers: 'Watchers',
  clients: 'Clients',
  load: 'Load',
  start: 'Starts',
};
