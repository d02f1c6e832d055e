-- System identifier and WAL timeline: another server, a restored copy or a promoted standby has another one. Null on a
-- standby, which is not to be read: it may lag. A session stays with one server, so the identifier, which costs reading
-- a file, is remembered in it; the timeline is not.
CREATE FUNCTION paramd.incarnation() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_system text := current_setting('paramd.system_identifier', true);
BEGIN
  IF pg_is_in_recovery() THEN RETURN NULL; END IF;
  IF coalesce(v_system, '') = '' THEN
    SELECT system_identifier::text INTO STRICT v_system FROM pg_control_system();
    PERFORM set_config('paramd.system_identifier', v_system, false);
  END IF;
  RETURN v_system || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
END
$$;

CREATE FUNCTION paramd.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- The head as every answer carries it.
CREATE VIEW paramd.head_told AS
SELECT json_build_array(
  h.revision::text, h.batch_id, h.compact_revision::text,
  e.number::text, e.id, e.start_revision::text, e.lost_after::text, e.incarnation,
  paramd.incarnation()
) AS head
FROM paramd.head h JOIN paramd.epoch e ON e.number = h.epoch_number;

-- Lowest and highest bound of each partition of the log.
CREATE VIEW paramd.change_partition AS
SELECT c.oid::regclass::text AS name, i.inhdetachpending AS detaching, b.bound[1]::bigint AS lower, b.bound[2]::bigint AS upper
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \('?(\d+)'?\) TO \('?(\d+)'?\)$re$) AS b(bound)
WHERE i.inhparent = 'paramd.change'::regclass;

-- Makes the partitions that [p_from, p_to) needs, of p_size revisions each; tells how many it made. Created apart and
-- then attached, because that does not stop readers and writers.
CREATE FUNCTION paramd.extend(p_from bigint, p_to bigint, p_size bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_at bigint := p_from;
  v_upper bigint;
  v_created integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('paramd.extend', 0));
  WHILE v_at < p_to LOOP
    SELECT upper INTO v_upper FROM paramd.change_partition WHERE lower <= v_at AND v_at < upper;
    IF NOT FOUND THEN
      SELECT least(v_at + p_size, min(lower)) INTO v_upper FROM paramd.change_partition WHERE lower > v_at;
      EXECUTE format('CREATE TABLE paramd.%I (LIKE paramd.change INCLUDING ALL)', 'change_' || v_at);
      EXECUTE format('ALTER TABLE paramd.change ATTACH PARTITION paramd.%I FOR VALUES FROM (%s) TO (%s)',
        'change_' || v_at, v_at, v_upper);
      v_created := v_created + 1;
    END IF;
    v_at := v_upper;
  END LOOP;
  RETURN v_created;
END
$$;

-- Batch that committed a revision; '' where an epoch begins; null if it is compacted or was never written.
CREATE FUNCTION paramd.batch_id_at(p_revision bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT batch_id FROM paramd.head WHERE revision = p_revision),
    (SELECT '' FROM paramd.epoch WHERE start_revision - 1 = p_revision),
    (SELECT batch_id FROM paramd.change WHERE revision = p_revision LIMIT 1)
  )
$$;
