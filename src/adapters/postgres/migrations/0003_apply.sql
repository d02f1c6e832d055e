-- One batch: judges every write and does those that pass, in one statement of the caller.
--
-- Problem: revisions must be dense, in commit order, and judged against exactly the state before them.
-- Naive: one statement that locks the head and reads. Under READ COMMITTED it reads what was committed before it began to
-- wait for the lock, and would issue a revision twice. BEGIN … COMMIT from the client: a frozen client holds the lock.
-- Chosen: a VOLATILE function, whose every statement sees what is committed by then. The first one takes the lock, so
-- all others see everything that was committed before, and the caller's one statement commits it.
--
-- The writes of a batch do not touch each other (no key twice, no condition on a key that another one writes, no
-- request id twice): so all are judged at once against the state before the batch.
--
-- Operations come as arrays, in order. What belongs to a write as a whole is repeated (p_actor, p_validate) or stands at
-- its first operation (p_principal, p_request, p_hash). Values are one string of bytes, cut by p_value_at and
-- p_value_bytes. p_labels and p_remove are JSON; null: none.
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
CREATE FUNCTION paramd.apply(
  p_batch text, p_epoch text, p_applied bigint, p_applied_batch text,
  p_condition_write integer[], p_condition_index integer[], p_condition_key text[], p_condition_revision bigint[],
  p_write integer[], p_index integer[], p_deletes boolean[], p_key text[], p_if bigint[], p_lenient boolean[],
  p_kind text[], p_values bytea, p_value_at integer[], p_value_bytes integer[], p_ttl bigint[],
  p_labels text[], p_remove text[], p_actor text[], p_validate boolean[],
  p_principal text[], p_request text[], p_hash bytea[],
  OUT refusal text, OUT epoch_id text, OUT previous_batch_id text, OUT from_revision bigint, OUT to_revision bigint,
  OUT time_us bigint, OUT outcomes text
) LANGUAGE plpgsql VOLATILE
-- The tables are empty when the plans are made, and large later: only index lookups are right for both.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_head paramd.head;
  v_epoch paramd.epoch;
  v_earlier paramd.batch;
  v_batch_at_applied text;
  v_unmet jsonb;
  v_now bigint;
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
  IF v_epoch.id <> p_epoch THEN refusal := 'epoch'; RETURN; END IF;
  IF v_epoch.incarnation IS DISTINCT FROM paramd.incarnation() THEN refusal := 'incarnation'; RETURN; END IF;
  IF v_head.revision < p_applied THEN refusal := 'head'; RETURN; END IF;
  IF p_applied_batch <> '' THEN
    IF v_head.revision = p_applied THEN
      v_batch_at_applied := v_head.batch_id;
    ELSE
      SELECT batch_id INTO v_batch_at_applied FROM paramd.change WHERE revision = p_applied AND sub >= 0 LIMIT 1;
    END IF;
    IF v_batch_at_applied <> p_applied_batch THEN refusal := 'log'; RETURN; END IF;
  END IF;

  v_now := paramd.now_us();
  time_us := v_now;
  epoch_id := v_epoch.id;
  previous_batch_id := v_head.batch_id;
  from_revision := v_head.revision + 1;

  IF cardinality(p_condition_write) > 0 THEN
    SELECT jsonb_object_agg(w, mismatches) INTO v_unmet FROM (
      SELECT w, jsonb_agg(jsonb_build_array(i, coalesce(c.mod_revision, 0)::text) ORDER BY i) AS mismatches
      FROM unnest(p_condition_write, p_condition_index, p_condition_key, p_condition_revision) AS o(w, i, key, revision)
      LEFT JOIN paramd.current c ON c.key = o.key
      WHERE coalesce(c.mod_revision, 0) <> o.revision
      GROUP BY w
    ) AS unmet;
  END IF;

  WITH op AS (
    SELECT o.*,
      c.key IS NOT NULL AS found, c.kind AS old_kind, c.value AS old_value, c.mod_revision AS old_revision,
      c.create_revision AS old_create_revision, c.version AS old_version, c.create_time_us AS old_create_time_us,
      c.update_time_us AS old_update_time_us, c.updated_by AS old_updated_by, c.labels AS old_labels,
      c.cache_ttl_ns AS old_ttl,
      r.content_hash AS first_hash, r.revision AS first_revision, r.time_us AS first_time_us, r.missing AS first_missing,
      CASE
        WHEN o.deletes THEN NULL
        WHEN o.labels IS NULL AND o.remove IS NULL THEN coalesce(c.labels, '{}')
        ELSE CASE
          WHEN o.remove IS NULL THEN coalesce(c.labels, '{}')
          WHEN o.remove::jsonb ? '*' THEN '{}'
          ELSE coalesce(c.labels, '{}') - ARRAY(SELECT jsonb_array_elements_text(o.remove::jsonb))
        END || coalesce(o.labels::jsonb, '{}')
      END AS new_labels
    FROM unnest(
      p_write, p_index, p_deletes, p_key, p_if, p_lenient, p_kind, p_value_at, p_value_bytes, p_ttl,
      p_labels, p_remove, p_actor, p_validate, p_principal, p_request, p_hash
    ) AS o(
      w, i, deletes, key, if_revision, lenient, kind, value_at, value_bytes, ttl,
      labels, remove, actor, validate, principal, request, hash
    )
    LEFT JOIN paramd.current c ON c.key = o.key
    LEFT JOIN paramd.request r
      ON r.principal = o.principal AND r.id = o.request AND r.time_us > v_now - 3600000000
    OFFSET 0
  ), judged AS (
    SELECT op.*,
      CASE
        WHEN if_revision = 0 AND found AND NOT deletes THEN 'PARAMETER_EXISTS'
        WHEN if_revision <> coalesce(old_revision, 0) THEN 'REVISION_MISMATCH'
        WHEN deletes AND NOT found AND NOT lenient THEN 'PARAMETER_NOT_FOUND'
        WHEN NOT deletes AND NOT found AND kind IS NULL THEN 'VALUE_REQUIRED'
        WHEN NOT deletes AND found AND kind <> old_kind AND NOT lenient THEN 'KIND_MISMATCH'
        WHEN labels IS NOT NULL AND (SELECT count(*) FROM jsonb_object_keys(new_labels)) > 64 THEN 'LABELS'
      END AS refusal,
      found OR NOT deletes AS changes,
      CASE WHEN new_labels <> '{}' THEN octet_length(new_labels::text) ELSE 0 END AS label_bytes,
      CASE WHEN found OR NOT deletes THEN 96 + octet_length(key) + octet_length(actor) ELSE 0 END
        + CASE WHEN found THEN 96 + octet_length(key) + octet_length(old_updated_by) + octet_length(old_value)
            + CASE WHEN old_labels <> '{}' THEN octet_length(old_labels::text) ELSE 0 END ELSE 0 END
        + CASE WHEN deletes THEN 0 ELSE coalesce(value_bytes, octet_length(old_value)) END AS bytes
    FROM op
    OFFSET 0
  ), summed AS (
    SELECT judged.*,
      coalesce(v_unmet ? w::text, false) AS unmet,
      max(first_revision) OVER whole IS NOT NULL AS replayed,
      min(i) FILTER (WHERE refusal IS NOT NULL) OVER whole AS refused_at,
      bool_or(changes) OVER whole AS write_changes,
      sum(bytes + label_bytes) OVER whole > 3145728 AS too_large,
      array_agg(i) FILTER (WHERE deletes AND NOT found) OVER whole AS missing,
      sum(label_bytes) OVER (ORDER BY w, i) <= 2048 AS labels_told
    FROM judged WINDOW whole AS (PARTITION BY w)
  ), passed AS (
    SELECT summed.*, NOT replayed AND NOT unmet AND refused_at IS NULL AND NOT too_large AS done FROM summed
  ), taken AS (
    SELECT passed.*, done AND write_changes AND NOT validate AS takes,
      v_head.revision
        + sum(CASE WHEN i = 0 AND done AND write_changes AND NOT validate THEN 1 ELSE 0 END) OVER (ORDER BY w, i)::bigint
        AS revision
    FROM passed
  ), valued AS MATERIALIZED (
    SELECT taken.*,
      CASE WHEN kind IS NULL THEN old_value ELSE substr(p_values, value_at, value_bytes) END AS new_value,
      coalesce(ttl, old_ttl, 3600000000000) AS new_ttl,
      concat_ws(' ', old_create_revision, old_version + 1, old_create_time_us,
        nullif(coalesce(ttl, old_ttl), 3600000000000)) AS counts
    FROM taken
  ), logged AS (
    INSERT INTO paramd.change
    SELECT revision, i, p_batch, v_now, actor, key, deletes,
      CASE WHEN NOT deletes THEN coalesce(kind, old_kind) END,
      CASE WHEN NOT deletes THEN new_value END,
      CASE WHEN NOT deletes THEN coalesce(old_create_revision, revision) END,
      CASE WHEN NOT deletes THEN coalesce(old_version, 0) + 1 END,
      CASE WHEN NOT deletes THEN coalesce(old_create_time_us, v_now) END,
      new_labels,
      CASE WHEN NOT deletes THEN new_ttl END,
      old_kind, old_value, old_revision, old_create_revision, old_version, old_create_time_us, old_update_time_us,
      old_updated_by, old_labels, old_ttl
    FROM valued WHERE takes AND changes
  ), put AS (
    INSERT INTO paramd.current AS c
    SELECT key, coalesce(kind, old_kind), new_value, revision, coalesce(old_create_revision, revision),
      coalesce(old_version, 0) + 1, coalesce(old_create_time_us, v_now), v_now, actor, new_labels, new_ttl
    FROM valued WHERE takes AND NOT deletes
    ON CONFLICT (key) DO UPDATE SET
      kind = excluded.kind, value = excluded.value, mod_revision = excluded.mod_revision, version = excluded.version,
      update_time_us = excluded.update_time_us, updated_by = excluded.updated_by, labels = excluded.labels,
      cache_ttl_ns = excluded.cache_ttl_ns
  ), gone AS (
    DELETE FROM paramd.current c USING valued v WHERE c.key = v.key AND v.takes AND v.deletes
  ), remembered AS (
    INSERT INTO paramd.request AS r
    SELECT principal, request, hash, revision, takes, coalesce(missing, '{}'), v_now
    FROM valued WHERE request IS NOT NULL AND done AND NOT validate
    ON CONFLICT (principal, id) DO UPDATE SET
      content_hash = excluded.content_hash, revision = excluded.revision, changed = excluded.changed,
      missing = excluded.missing, time_us = excluded.time_us
  )
  SELECT coalesce(max(last_revision), v_head.revision), coalesce(json_agg(outcome ORDER BY w)::text, '[]') INTO to_revision, outcomes FROM (
    SELECT w, max(revision) AS last_revision,
      CASE
        WHEN bool_or(replayed) THEN coalesce(
          max(json_build_object('replayed', first_revision::text, 'time', first_time_us::text, 'missing', first_missing)::text)
            FILTER (WHERE first_hash = hash),
          '"REQUEST_ID_REUSED"')::json
        WHEN bool_or(unmet) THEN json_build_object('unmet', v_unmet -> w::text)
        WHEN max(refused_at) IS NOT NULL THEN to_json(
          max(concat_ws(' ', refusal, i, coalesce(old_revision, 0), revision - v_head.revision, old_kind))
            FILTER (WHERE i = refused_at))
        WHEN bool_or(too_large) THEN '"COMMIT_BYTES"'::json
        ELSE (
          '[' || coalesce(CASE WHEN NOT bool_or(validate) THEN max(revision) - v_head.revision END::text, 'null') || ','
          || coalesce(json_agg(
            CASE
              WHEN NOT found THEN '0'::json
              WHEN label_bytes = 0 THEN to_json(counts)
              WHEN labels_told THEN json_build_array(counts, new_labels)
              ELSE json_build_array(counts)
            END ORDER BY i) FILTER (WHERE NOT deletes)::text, '[]')
          || coalesce(',' || to_json(max(missing))::text, '') || ']')::json
      END AS outcome
    FROM valued GROUP BY w
  ) AS writes;

  IF to_revision >= from_revision THEN
    UPDATE paramd.head SET revision = to_revision, batch_id = p_batch;
    INSERT INTO paramd.batch VALUES (
      p_batch, epoch_id, previous_batch_id, from_revision, to_revision, v_now, outcomes);
  END IF;
END
$$;
