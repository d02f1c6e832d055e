-- Begins the epoch after the expected one, unless it is there. Idempotent; the head's lock makes it safe from several
-- replicas at once. The start is drawn only now, so that two servers promoted apart begin apart.
-- A store that is older than the expected epoch was restored from a copy: it goes on beyond it.
CREATE FUNCTION paramd.start_epoch(p_number bigint, p_id text, p_lost_after bigint, p_partition_size bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_head paramd.head;
  v_number bigint;
  v_start bigint;
  v_lost_after bigint;
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  SELECT * INTO STRICT v_head FROM paramd.head FOR UPDATE;

  SELECT number, lost_after INTO v_number, v_lost_after FROM paramd.epoch
  WHERE number >= p_number AND id <> p_id ORDER BY number LIMIT 1;
  IF FOUND THEN
    -- Somebody who applied less in common tells that more is lost.
    IF v_lost_after > p_lost_after THEN
      UPDATE paramd.epoch SET lost_after = p_lost_after WHERE number = v_number;
    END IF;
    RETURN;
  END IF;

  v_number := p_number + 1;
  -- 2⁴⁰ each, random below 2³⁹.
  v_start := (v_number << 40) + (('x' || left(md5(gen_random_uuid()::text), 10))::bit(40)::bigint >> 1);
  INSERT INTO paramd.epoch (number, id, start_revision, lost_after, incarnation) VALUES (
    v_number, replace(gen_random_uuid()::text, '-', ''), v_start, least(v_head.revision, p_lost_after), paramd.incarnation());
  UPDATE paramd.head SET revision = v_start - 1, batch_id = '', epoch_number = v_number;
  PERFORM paramd.extend(v_start, v_start + 2 * p_partition_size, p_partition_size);
END
$$;

-- The installation, and epoch 0.
INSERT INTO paramd.installation (id, secret) VALUES (
  replace(gen_random_uuid()::text, '-', ''),
  sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);
INSERT INTO paramd.epoch (number, id, start_revision, lost_after, incarnation)
VALUES (0, replace(gen_random_uuid()::text, '-', ''), 1, 0, paramd.incarnation());
INSERT INTO paramd.head (revision, batch_id, compact_revision, epoch_number) VALUES (0, '', 0, 0);
SELECT paramd.extend(1, 2, 1000000);
