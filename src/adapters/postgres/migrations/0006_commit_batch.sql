-- In place of paramd.apply (0003), for a fraction of its cost. That one stays for replicas of the version before, which go
-- on writing while others are restarted.

-- Reading it costs reading a file; a session stays with one server, so it is remembered there.
CREATE FUNCTION paramd.system_identifier() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT set_config('paramd.system_identifier', system_identifier::text, false) FROM pg_control_system()
$$;

-- As before (0002), but an expression that can be inlined: every write and read asks.
CREATE OR REPLACE FUNCTION paramd.incarnation() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN NOT pg_is_in_recovery() THEN
    coalesce(nullif(current_setting('paramd.system_identifier', true), ''), paramd.system_identifier())
      || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
  END
$$;

-- Labels of a parameter after a set operation; p_remove and p_add are JSON, null: none.
CREATE FUNCTION paramd.merged_labels(p_before jsonb, p_remove text, p_add text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE
    WHEN p_remove IS NULL THEN coalesce(p_before, '{}')
    WHEN p_remove::jsonb ? '*' THEN '{}'
    ELSE coalesce(p_before, '{}') - ARRAY(SELECT jsonb_array_elements_text(p_remove::jsonb))
  END || coalesce(p_add::jsonb, '{}');
END
$$;

-- One batch: judges every write and does those that pass, in one statement of the caller.
--
-- Problem: revisions must be dense, in commit order, and judged against exactly the state before them.
-- Naive: one statement that locks the head and reads. Under READ COMMITTED it reads what was committed before it began to
-- wait for the lock, and would issue a revision twice. BEGIN … COMMIT from the client: a frozen client holds the lock.
-- Chosen: a VOLATILE function, whose every statement sees what is committed by then. The first one takes the lock, so
-- all others see everything that was committed before, and the caller's one statement commits it.
--
-- The writes of a batch do not touch each other (no key twice, no condition on a key that another one writes, no
-- request id twice): so each is judged against the state before the batch, and what passed is written at the end, at once.
-- Of a small batch, most of the cost is to begin each statement, by the columns and expressions it has (a batch of one:
-- 0.42 ms; judged in six layers of SQL rather than in a loop: 0.62 ms). So a statement that a batch does not need is left
-- out, and none is wider than it must be.
--
-- p_actor … p_hash are by write, p_write … p_remove by operation, both in order; p_write counts from 1, p_index from 0
-- within its write. Values are one string of bytes, cut by p_value_at and p_value_bytes. p_labels and p_remove are JSON.
-- An array of nothing but nulls may be null itself.
--
-- refusal: why nothing was done at all. outcomes: JSON, one for each write, without values or keys (300 operations done take
-- less than 16 KiB), so that a slow reader does not keep the lock:
--   done        [revision - from_revision + 1 (null: validated only), [set …], [index of a delete that found nothing …]]
--                 set: 0 created | "create_revision version create_time_us cache_ttl_ns", the last not if it is the default
--                      | ["…", labels] | ["…"] labels too large to tell
--   replayed    {"replayed": revision, "time": time_us, "missing": [index …]}
--   unmet       {"unmet": [[index of the condition, its key's revision] …]}
--   refused     "reason index current_revision (revision - from_revision + 1) current_kind", of the first that fails;
--               or only "REQUEST_ID_REUSED", "COMMIT_BYTES"
CREATE FUNCTION paramd.commit_batch(
  p_batch text, p_epoch text, p_applied bigint, p_applied_batch text,
  p_actor text[], p_validate boolean[], p_principal text[], p_request text[], p_hash bytea[],
  p_condition_write integer[], p_condition_index integer[], p_condition_key text[], p_condition_revision bigint[],
  p_write integer[], p_index integer[], p_deletes boolean[], p_key text[], p_if bigint[], p_lenient boolean[],
  p_kind text[], p_values bytea, p_value_at integer[], p_value_bytes integer[], p_ttl bigint[],
  p_labels text[], p_remove text[],
  OUT refusal text, OUT epoch_id text, OUT previous_batch_id text, OUT from_revision bigint, OUT to_revision bigint,
  OUT time_us bigint, OUT outcomes text
) LANGUAGE plpgsql VOLATILE
-- The tables are empty when the plans are made, and large later: only index lookups are right for both. Hence left
-- joins only, which cannot be turned round, and no copy of a table that was small (material) instead of lookups.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_head paramd.head;
  v_epoch paramd.epoch;
  v_earlier paramd.batch;
  v_batch_at_applied text;
  v_now bigint;
  -- Outcomes that conditions and request ids decide, by write.
  v_decided jsonb;
  v_replayed jsonb;
  v_forgotten boolean;
  -- Labels may take what operations and conditions, of some 48 bytes each, leave of the answer's 16 KiB.
  v_label_room integer := 16384 - 48 * (cardinality(p_key) + coalesce(cardinality(p_condition_key), 0));
  op record;
  -- Of the write that is judged.
  w_outcome text;
  w_sets text;
  w_missing integer[];
  w_bytes bigint;
  -- What is to be written: by write the revision it takes, by operation the labels it changes.
  v_revision bigint[];
  v_labels jsonb[];
  v_requests paramd.request[];
BEGIN
  -- The role's default may be off, and a crash would then lose what was acknowledged, and issue it again.
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;

  SELECT * INTO STRICT v_head FROM paramd.head FOR UPDATE;

  -- Before the epoch: a batch that was done before the epoch changed was done.
  SELECT * INTO v_earlier FROM paramd.batch WHERE id = p_batch;
  IF FOUND THEN
    epoch_id := v_earlier.epoch_id;
    previous_batch_id := v_earlier.previous_batch_id;
    from_revision := v_earlier.from_revision;
    to_revision := v_earlier.to_revision;
    time_us := v_earlier.time_us;
    outcomes := v_earlier.outcomes;
    RETURN;
  END IF;

  SELECT * INTO STRICT v_epoch FROM paramd.epoch WHERE number = v_head.epoch_number;
  refusal := CASE
    WHEN v_epoch.id <> p_epoch THEN 'epoch'
    WHEN v_epoch.incarnation IS DISTINCT FROM paramd.incarnation() THEN 'incarnation'
    WHEN v_head.revision < p_applied THEN 'head'
  END;
  IF refusal IS NOT NULL THEN RETURN; END IF;
  IF p_applied_batch <> '' THEN
    IF v_head.revision = p_applied THEN
      v_batch_at_applied := v_head.batch_id;
    ELSE
      SELECT batch_id INTO v_batch_at_applied FROM paramd.change WHERE revision = p_applied AND sub >= 0 LIMIT 1;
    END IF;
    IF v_batch_at_applied <> p_applied_batch THEN refusal := 'log'; RETURN; END IF;
  END IF;

  v_now := paramd.now_us();
  to_revision := v_head.revision;

  IF p_condition_write IS NOT NULL THEN
    SELECT jsonb_object_agg(w, jsonb_build_object('unmet', mismatches)) INTO v_decided FROM (
      SELECT w, jsonb_agg(jsonb_build_array(i, coalesce(c.mod_revision, 0)::text) ORDER BY i) AS mismatches
      FROM unnest(p_condition_write, p_condition_index, p_condition_key, p_condition_revision) AS o(w, i, key, revision)
      LEFT JOIN paramd.current c ON c.key = o.key
      WHERE coalesce(c.mod_revision, 0) <> o.revision
      GROUP BY w
    ) AS unmet;
  END IF;

  -- Request ids come before conditions, and are forgotten after an hour.
  IF p_request IS NOT NULL THEN
    SELECT
      jsonb_object_agg(w, CASE
        WHEN r.content_hash = o.hash
        THEN jsonb_build_object('replayed', r.revision::text, 'time', r.time_us::text, 'missing', r.missing)
        ELSE '"REQUEST_ID_REUSED"'
      END) FILTER (WHERE r.time_us > v_now - 3600000000),
      bool_or(r.time_us <= v_now - 3600000000)
    INTO v_replayed, v_forgotten
    FROM unnest(p_principal, p_request, p_hash) WITH ORDINALITY AS o(principal, id, hash, w)
    LEFT JOIN paramd.request r ON r.principal = o.principal AND r.id = o.id;
    v_decided := coalesce(v_decided || v_replayed, v_replayed, v_decided);
    IF v_forgotten THEN
      DELETE FROM paramd.request
      WHERE principal = ANY (p_principal) AND id = ANY (p_request) AND time_us <= v_now - 3600000000;
    END IF;
  END IF;

  FOR op IN
    SELECT n, p_write[n] AS w, p_index[n] AS i, p_write[n + 1] IS DISTINCT FROM p_write[n] AS last,
      p_deletes[n] AS deletes, c.key IS NOT NULL AS found, c.kind, coalesce(c.mod_revision, 0) AS mod_revision,
      p_labels[n] IS NOT NULL OR p_remove[n] IS NOT NULL AS relabels, c.labels,
      CASE WHEN NOT p_deletes[n] AND c.labels <> '{}' THEN octet_length(c.labels::text) ELSE 0 END AS label_bytes,
      CASE
        WHEN p_if[n] = 0 AND c.key IS NOT NULL AND NOT p_deletes[n] THEN 'PARAMETER_EXISTS'
        WHEN p_if[n] <> coalesce(c.mod_revision, 0) THEN 'REVISION_MISMATCH'
        WHEN p_deletes[n] AND c.key IS NULL AND NOT p_lenient[n] THEN 'PARAMETER_NOT_FOUND'
        WHEN NOT p_deletes[n] AND c.key IS NULL AND p_kind[n] IS NULL THEN 'VALUE_REQUIRED'
        WHEN NOT p_deletes[n] AND p_kind[n] <> c.kind AND NOT p_lenient[n] THEN 'KIND_MISMATCH'
      END AS refusal,
      -- Written, but for its labels, and replaced.
      96 + octet_length(o.key) + octet_length(p_actor[p_write[n]])
        + CASE WHEN p_deletes[n] THEN 0 ELSE coalesce(p_value_bytes[n], octet_length(c.value), 0) END
        + CASE WHEN c.key IS NULL THEN 0
          ELSE 96 + octet_length(c.key) + octet_length(c.updated_by) + octet_length(c.value)
            + CASE WHEN c.labels <> '{}' THEN octet_length(c.labels::text) ELSE 0 END
          END AS bytes,
      concat_ws(' ', c.create_revision, c.version + 1, c.create_time_us,
        nullif(coalesce(p_ttl[n], c.cache_ttl_ns), 3600000000000)) AS counts
    FROM unnest(p_key) WITH ORDINALITY AS o(key, n) LEFT JOIN paramd.current c ON c.key = o.key
    ORDER BY n
  LOOP
    IF op.i = 0 THEN
      w_outcome := (v_decided -> op.w::text)::text;
      w_sets := '';
      w_missing := NULL;
      w_bytes := 0;
    END IF;

    IF w_outcome IS NOT NULL THEN
      NULL; -- Decided.
    ELSIF op.refusal IS NOT NULL THEN
      w_outcome := to_json(
        concat_ws(' ', op.refusal, op.i, op.mod_revision, to_revision - v_head.revision, op.kind))::text;
    ELSIF op.deletes AND NOT op.found THEN
      w_missing := w_missing || op.i;
    ELSE
      IF op.relabels THEN
        op.labels := paramd.merged_labels(op.labels, p_remove[op.n], p_labels[op.n]);
        op.label_bytes := CASE WHEN op.labels <> '{}' THEN octet_length(op.labels::text) ELSE 0 END;
        v_labels[op.n] := op.labels;
        IF (SELECT count(*) FROM jsonb_object_keys(op.labels)) > 64 THEN
          w_outcome := to_json(concat_ws(' ', 'LABELS', op.i))::text;
        END IF;
      END IF;
      w_bytes := w_bytes + op.bytes + op.label_bytes;
      IF op.deletes THEN
        NULL; -- There is nothing to tell.
      ELSIF NOT op.found THEN
        w_sets := concat(w_sets, ',0');
      ELSIF op.label_bytes = 0 THEN
        w_sets := concat(w_sets, ',"', op.counts, '"');
      ELSIF op.label_bytes <= v_label_room THEN
        w_sets := concat(w_sets, ',["', op.counts, '",', op.labels, ']');
        v_label_room := v_label_room - op.label_bytes;
      ELSE
        w_sets := concat(w_sets, ',["', op.counts, '"]');
      END IF;
    END IF;
    CONTINUE WHEN NOT op.last;

    IF w_outcome IS NULL AND w_bytes > 3145728 THEN w_outcome := '"COMMIT_BYTES"'; END IF;
    IF w_outcome IS NULL THEN
      w_sets := concat(',[', substr(w_sets, 2), ']', ',' || to_json(w_missing), ']');
      IF p_validate[op.w] THEN
        w_outcome := concat('[null', w_sets);
      ELSE
        -- What finds only nothing to delete takes none.
        IF w_bytes > 0 THEN
          to_revision := to_revision + 1;
          v_revision[op.w] := to_revision;
        END IF;
        IF p_request[op.w] IS NOT NULL THEN
          v_requests := v_requests || ROW(p_principal[op.w], p_request[op.w], p_hash[op.w], to_revision, w_bytes > 0,
            coalesce(w_missing, '{}'), v_now)::paramd.request;
        END IF;
        w_outcome := concat('[', to_revision - v_head.revision, w_sets);
      END IF;
    END IF;
    outcomes := concat_ws(',', outcomes, w_outcome);
  END LOOP;

  time_us := v_now;
  epoch_id := v_epoch.id;
  previous_batch_id := v_head.batch_id;
  from_revision := v_head.revision + 1;
  outcomes := concat('[', outcomes, ']');

  IF v_requests IS NOT NULL THEN
    INSERT INTO paramd.request SELECT * FROM unnest(v_requests);
  END IF;
  IF to_revision < from_revision THEN RETURN; END IF;

  WITH logged AS (
    INSERT INTO paramd.change
    SELECT v_revision[p_write[n]], p_index[n], p_batch, v_now, p_actor[p_write[n]], o.key, false,
      coalesce(p_kind[n], c.kind),
      CASE WHEN p_kind[n] IS NULL THEN c.value ELSE substr(p_values, p_value_at[n], p_value_bytes[n]) END,
      coalesce(c.create_revision, v_revision[p_write[n]]), coalesce(c.version, 0) + 1, coalesce(c.create_time_us, v_now),
      coalesce(v_labels[n], c.labels, '{}'), coalesce(p_ttl[n], c.cache_ttl_ns, 3600000000000),
      c.kind, c.value, c.mod_revision, c.create_revision, c.version, c.create_time_us, c.update_time_us, c.updated_by,
      c.labels, c.cache_ttl_ns
    FROM unnest(p_key) WITH ORDINALITY AS o(key, n) LEFT JOIN paramd.current c ON c.key = o.key
    WHERE v_revision[p_write[n]] IS NOT NULL AND NOT p_deletes[n]
    RETURNING key, kind, value, revision, create_revision, version, create_time_us, time_us, updated_by, labels,
      cache_ttl_ns
  )
  -- Rather than ON CONFLICT, which looks for rows of others first: under the lock there are none.
  MERGE INTO paramd.current AS c USING logged AS l ON c.key = l.key
  WHEN MATCHED THEN UPDATE SET
    kind = l.kind, value = l.value, mod_revision = l.revision, version = l.version, update_time_us = l.time_us,
    updated_by = l.updated_by, labels = l.labels, cache_ttl_ns = l.cache_ttl_ns
  WHEN NOT MATCHED THEN INSERT VALUES (
    l.key, l.kind, l.value, l.revision, l.create_revision, l.version, l.create_time_us, l.time_us, l.updated_by,
    l.labels, l.cache_ttl_ns);

  IF true = ANY (p_deletes) THEN
    WITH logged AS (
      INSERT INTO paramd.change
      SELECT v_revision[p_write[n]], p_index[n], p_batch, v_now, p_actor[p_write[n]], o.key, true,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        c.kind, c.value, c.mod_revision, c.create_revision, c.version, c.create_time_us, c.update_time_us,
        c.updated_by, c.labels, c.cache_ttl_ns
      FROM unnest(p_key) WITH ORDINALITY AS o(key, n) LEFT JOIN paramd.current c ON c.key = o.key
      WHERE v_revision[p_write[n]] IS NOT NULL AND p_deletes[n] AND coalesce(c.mod_revision, 0) > 0
      RETURNING key
    )
    DELETE FROM paramd.current WHERE key = ANY (ARRAY(SELECT key FROM logged));
  END IF;

  UPDATE paramd.head SET revision = to_revision, batch_id = p_batch;
  INSERT INTO paramd.batch VALUES (
    p_batch, epoch_id, previous_batch_id, from_revision, to_revision, v_now, outcomes);
END
$$;
