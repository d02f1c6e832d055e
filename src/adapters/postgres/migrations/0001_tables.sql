-- The log, the state that it leads to, and what is remembered of writes. Every write goes through paramd.apply (0003), later
-- paramd.commit_batch (0006).
-- Times are microseconds since 1970, TTLs nanoseconds. Keys sort by bytes.
--
-- A backup of this schema (pg_dump --schema=paramd) restores to a server with another system identifier: the first
-- replica that sees it begins a new epoch, so that revisions lost since the backup are never issued again.

CREATE TABLE paramd.installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id text NOT NULL,
  secret bytea NOT NULL
);

CREATE TABLE paramd.epoch (
  number bigint PRIMARY KEY,
  id text NOT NULL UNIQUE,
  start_revision bigint NOT NULL,
  lost_after bigint NOT NULL,
  incarnation text NOT NULL,
  began timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Its lock is what makes revisions one order. Updated in place (HOT): hence the room in its page.
CREATE TABLE paramd.head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL,
  batch_id text NOT NULL,
  compact_revision bigint NOT NULL,
  epoch_number bigint NOT NULL REFERENCES paramd.epoch (number)
) WITH (fillfactor = 10);

-- No index but the key's, so that a write to an existing key is HOT too.
CREATE TABLE paramd.current (
  key text COLLATE "C" PRIMARY KEY,
  kind text NOT NULL,
  value bytea NOT NULL,
  mod_revision bigint NOT NULL,
  create_revision bigint NOT NULL,
  version bigint NOT NULL,
  create_time_us bigint NOT NULL,
  update_time_us bigint NOT NULL,
  updated_by text NOT NULL,
  labels jsonb NOT NULL,
  cache_ttl_ns bigint NOT NULL
) WITH (fillfactor = 80);

-- The whole parameter as written (null in a delete) and the whole previous one (null in a creation). No DEFAULT
-- partition: it would forbid DETACH CONCURRENTLY. paramd.extend makes partitions ahead.
CREATE TABLE paramd.change (
  revision bigint NOT NULL,
  sub integer NOT NULL,
  batch_id text NOT NULL,
  time_us bigint NOT NULL,
  updated_by text NOT NULL,
  key text COLLATE "C" NOT NULL,
  deleted boolean NOT NULL,
  kind text,
  value bytea,
  create_revision bigint,
  version bigint,
  create_time_us bigint,
  labels jsonb,
  cache_ttl_ns bigint,
  previous_kind text,
  previous_value bytea,
  previous_revision bigint,
  previous_create_revision bigint,
  previous_version bigint,
  previous_create_time_us bigint,
  previous_update_time_us bigint,
  previous_updated_by text,
  previous_labels jsonb,
  previous_cache_ttl_ns bigint,
  PRIMARY KEY (revision, sub)
) PARTITION BY RANGE (revision);
-- A state as of an earlier revision: the first change after it, and the keys that have gone since.
CREATE INDEX change_key ON paramd.change (key, revision);
CREATE INDEX change_deleted ON paramd.change (key, revision) WHERE deleted;

CREATE TABLE paramd.request (
  principal text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  content_hash bytea NOT NULL,
  revision bigint NOT NULL,
  -- False: nothing was there to delete.
  changed boolean NOT NULL,
  -- Indexes of the deletes that found nothing.
  missing integer[] NOT NULL,
  time_us bigint NOT NULL,
  PRIMARY KEY (principal, id)
);
CREATE INDEX request_time ON paramd.request (time_us);

-- What a batch was answered, for when the answer was lost on its way.
CREATE TABLE paramd.batch (
  id text COLLATE "C" PRIMARY KEY,
  epoch_id text NOT NULL,
  previous_batch_id text NOT NULL,
  from_revision bigint NOT NULL,
  to_revision bigint NOT NULL,
  time_us bigint NOT NULL,
  outcomes text NOT NULL
);
ALTER TABLE paramd.batch ALTER COLUMN outcomes SET STORAGE EXTERNAL;
CREATE INDEX batch_time ON paramd.batch (time_us);
