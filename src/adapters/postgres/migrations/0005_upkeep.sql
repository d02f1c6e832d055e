-- Newest revision whose commit is older than p_before_us, by bisecting: revisions are in order of commit, and times too
-- but for jumps of the clock, which cost exactness and nothing else.
CREATE FUNCTION paramd.newest_before(p_before_us bigint) RETURNS bigint LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_low bigint;
  v_high bigint;
  v_middle bigint;
  v_revision bigint;
  v_time_us bigint;
BEGIN
  SELECT compact_revision, revision INTO STRICT v_low, v_high FROM paramd.head;
  WHILE v_low < v_high LOOP
    v_middle := v_low + (v_high - v_low + 1) / 2;
    SELECT revision, time_us INTO v_revision, v_time_us
    FROM paramd.change WHERE revision >= v_middle AND revision <= v_high ORDER BY revision LIMIT 1;
    IF FOUND AND v_time_us < p_before_us THEN
      v_low := v_revision;
    ELSE
      v_high := v_middle - 1;
    END IF;
  END LOOP;
  RETURN v_low;
END
$$;

-- Moves the compact revision, and tells it; what is below may be dropped then. Remembered requests keep their revisions.
CREATE FUNCTION paramd.raise_compaction(p_history_us bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_now_us bigint := paramd.now_us();
  v_target bigint := paramd.newest_before(v_now_us - p_history_us);
  v_needed bigint;
BEGIN
  SELECT min(revision) INTO v_needed FROM paramd.request WHERE changed AND time_us > v_now_us - 3600000000;
  v_target := least(v_target, v_needed - 1);
  UPDATE paramd.head SET compact_revision = v_target WHERE compact_revision < v_target;
  SELECT compact_revision INTO STRICT v_target FROM paramd.head;
  RETURN v_target;
END
$$;
