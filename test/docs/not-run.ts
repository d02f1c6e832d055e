/** Lines in blocks of the papers that no test runs as they stand, by page and beginning, and why. */
export const NOT_RUN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': {
    'npm ci && npm': 'it would take away what the tests run on; .ci/run begins with it',
  },
  'CONTRIBUTING.md': {
    'npm ci': 'the same',
  },
  'docs/operations.md': {
    pg_dump: 'the embedded PostgreSQL has none; what it is to dump is compared with the schemas that there are',
    'pg_restore --dbname': 'the same; a copy of the database stands in for what it makes',
  },
  'docs/performance.md': {
    'npm run bench': 'takes minutes; test/bench runs both for a moment, and here their options are looked up',
    'package main': 'builds an etcd, from packages of its own',
    'go mod init': 'the same',
  },
  'docs/hostile-input.md': {
    'npm run hostile': 'takes minutes; test/hostile runs all but some of its cases, and holds its table to them',
  },
  'docs/deploy/container.md': {
    'docker run --env PGHOST': 'needs a container engine; test/deploy holds the Dockerfile to the settings',
    'docker compose config --quiet': 'needs a container engine; test/deploy reads the file',
    promtool: 'is not there; test/deploy reads the file',
    envoy: 'is not there; test/deploy reads the file',
    'client → 127.0.0.1:50051': 'a drawing; test/deploy compares the ports in the files',
  },
};
