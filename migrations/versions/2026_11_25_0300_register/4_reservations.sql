-- Reservations: they freeze units for one buyer until a moment of database time, and end once.

-- Free title intervals of one holder in one lot, lowest first, cut to whole steps counted from unit 0 so that packs
-- are never broken. `p_taken` adds units that are spoken for but not written yet. `p_now` is the moment of the
-- decision: one call looks at the clock once, or units could run out between two looks.
CREATE FUNCTION title_free(
    p_lot uuid, p_holder uuid, p_step integer, p_now timestamptz, p_taken int4multirange)
RETURNS TABLE (units int4range)
LANGUAGE sql STABLE ROWS 4 AS $$
    WITH taken AS (
        SELECT coalesce(range_agg(b.units), '{}') + p_taken AS units FROM (
            SELECT a.units FROM title_active_reservations a
             WHERE a.lot_id = p_lot AND a.expires_at > p_now
            UNION ALL
            SELECT h.units FROM title_holds h WHERE h.lot_id = p_lot
               AND NOT EXISTS (SELECT FROM title_hold_ends n WHERE n.hold_id = h.id)) b)
    SELECT int4range(w.lo, w.hi)
      FROM taken t, title_live l, unnest(int4multirange(l.units) - t.units) g(units),
           LATERAL (SELECT (lower(g.units) + p_step - 1) / p_step * p_step AS lo,
                           upper(g.units) / p_step * p_step AS hi) w
     WHERE l.lot_id = p_lot AND l.kind = 't' AND l.party_id = p_holder AND w.lo < w.hi
     ORDER BY w.lo
$$;

-- Stands at the end of a retried call: the same request gets the same reservations, another one is refused.
CREATE FUNCTION title_reserved_again(
    p_group uuid, p_buyer uuid, p_lots uuid[], p_holders uuid[], p_quantities integer[])
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM title_reservations r WHERE r.group_id = p_group) THEN
        RETURN false;
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_lots, p_holders, p_quantities) WITH ORDINALITY q(lot_id, holder_id, quantity, line_no)
          FULL JOIN (SELECT r.line_no, r.lot_id, r.holder_id, r.buyer_id,
                            sum(upper(r.units) - lower(r.units)) AS quantity
                       FROM title_reservations r WHERE r.group_id = p_group GROUP BY 1, 2, 3, 4) r
            ON r.line_no = q.line_no AND r.lot_id = q.lot_id AND r.holder_id = q.holder_id
               AND r.quantity = q.quantity AND r.buyer_id = p_buyer
         WHERE r.line_no IS NULL OR q.line_no IS NULL)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'reservation.id_reused',
            DETAIL = 'These reservations were made for another request; use a new group id.';
    END IF;
    IF EXISTS (SELECT FROM title_reservations r JOIN title_reservation_ends n ON n.reservation_id = r.id
                WHERE r.group_id = p_group) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'reservation.ended',
            DETAIL = 'These reservations ended already; reserve again under a new group id.';
    END IF;
    RETURN true;
END $$;

-- All or nothing over all lines. With too few free units nothing is written and one row per short line says how
-- many its holder has free in the lot before this request (reservation_id NULL); the caller's transaction stays usable, so it can plan again while it keeps
-- the lots locked.
CREATE FUNCTION title_reserve(
    p_group uuid, p_buyer uuid, p_until timestamptz,
    p_lots uuid[], p_holders uuid[], p_quantities integer[], p_steps integer[])
RETURNS TABLE (line_no integer, reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer,
               expires_at timestamptz, available integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_lines integer[] := '{}';
    v_spans int4range[] := '{}';
    v_short boolean := false;
    v_missing integer;
    v_picked int4range[];
    v_span int4range;
BEGIN
    PERFORM title_permit(p_buyer);
    PERFORM title_lock(p_lots);
    v_now := title_now();
    PERFORM title_sweep(p_lots, v_now);
    IF title_reserved_again(p_group, p_buyer, p_lots, p_holders, p_quantities) THEN
        RETURN QUERY SELECT * FROM title_group(p_group);
        RETURN;
    END IF;
    IF p_until <= v_now THEN
        RAISE EXCEPTION USING ERRCODE = 'CS410', MESSAGE = 'reservation.expired',
            DETAIL = 'A reservation must end in the future.';
    END IF;
    FOR i IN 1 .. cardinality(p_lots) LOOP
        v_missing := p_quantities[i];
        v_picked := '{}';
        FOR v_span IN SELECT f.units FROM title_free(p_lots[i], p_holders[i], p_steps[i], v_now, (
            SELECT coalesce(range_agg(s.units), '{}') FROM unnest(v_lines, v_spans) s(line, units)
             WHERE p_lots[s.line] = p_lots[i])) f
        LOOP
            EXIT WHEN v_missing = 0;
            v_span := int4range(lower(v_span), least(upper(v_span), lower(v_span) + v_missing));
            v_picked := v_picked || v_span;
            v_missing := v_missing - upper(v_span) + lower(v_span);
        END LOOP;
        IF v_missing = 0 THEN
            v_lines := v_lines || array_fill(i, ARRAY[cardinality(v_picked)]);
            v_spans := v_spans || v_picked;
        ELSE
            v_short := true;
            RETURN QUERY
            SELECT i, NULL::uuid, p_lots[i], NULL::integer, NULL::integer, p_until,
                   coalesce(sum(upper(f.units) - lower(f.units)), 0)::integer
              FROM title_free(p_lots[i], p_holders[i], p_steps[i], v_now, '{}') f;
        END IF;
    END LOOP;
    IF v_short THEN
        RETURN;
    END IF;
    INSERT INTO title_reservations (id, group_id, line_no, lot_id, units, holder_id, buyer_id, expires_at)
    SELECT gen_random_uuid(), p_group, s.line, p_lots[s.line], s.units, p_holders[s.line], p_buyer, p_until
      FROM unnest(v_lines, v_spans) s(line, units);
    INSERT INTO title_active_reservations (reservation_id, lot_id, units, expires_at)
    SELECT r.id, r.lot_id, r.units, r.expires_at FROM title_reservations r WHERE r.group_id = p_group;
    PERFORM title_settle();
    RETURN QUERY SELECT * FROM title_group(p_group);
END $$;

CREATE FUNCTION title_group(p_group uuid)
RETURNS TABLE (line_no integer, reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer,
               expires_at timestamptz, available integer)
LANGUAGE sql VOLATILE AS $$
    SELECT r.line_no::integer, r.id, r.lot_id, lower(r.units), upper(r.units), a.expires_at, NULL::integer
      FROM title_reservations r JOIN title_active_reservations a ON a.reservation_id = r.id
     WHERE r.group_id = p_group ORDER BY r.line_no, lower(r.units)
$$;

-- Lock the lots of the reservations and give each one's state by database time. A reservation whose time has come
-- is over even if nobody swept it yet. The moment is given back with every row: whoever decides, decides by it.
CREATE FUNCTION title_states(p_reservations uuid[])
RETURNS TABLE (line bigint, id uuid, lot_id uuid, units int4range, holder_id uuid, buyer_id uuid,
               expires_at timestamptz, outcome text, deal_id uuid, event_id uuid, looked_at timestamptz)
LANGUAGE plpgsql ROWS 2 AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
BEGIN
    IF (SELECT count(DISTINCT o) FROM unnest(p_reservations) o) <> cardinality(p_reservations)
       OR (SELECT count(*) FROM title_reservations r WHERE r.id = ANY (p_reservations))
          <> cardinality(p_reservations) OR cardinality(p_reservations) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'CS404', MESSAGE = 'reservation.unknown',
            DETAIL = 'The register has no such reservation.';
    END IF;
    PERFORM title_lock(ARRAY(SELECT DISTINCT r.lot_id FROM title_reservations r WHERE r.id = ANY (p_reservations)));
    v_now := title_now();
    RETURN QUERY
    SELECT o.line, r.id, r.lot_id, r.units, r.holder_id, r.buyer_id, a.expires_at,
           coalesce(n.outcome, CASE WHEN a.expires_at > v_now THEN 'active' ELSE 'expired' END),
           n.deal_id, n.event_id, v_now
      FROM unnest(p_reservations) WITH ORDINALITY o(id, line)
      JOIN title_reservations r ON r.id = o.id
      LEFT JOIN title_active_reservations a ON a.reservation_id = r.id
      LEFT JOIN title_reservation_ends n ON n.reservation_id = r.id
     ORDER BY o.line;
END $$;

CREATE FUNCTION title_assert_active(p_outcome text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_outcome = 'expired' THEN
        RAISE EXCEPTION USING ERRCODE = 'CS410', MESSAGE = 'reservation.expired',
            DETAIL = 'The reservation has expired; request a new quote.';
    ELSIF p_outcome <> 'active' THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'reservation.ended',
            DETAIL = format('The reservation was %s already.', p_outcome);
    END IF;
END $$;

-- Later only, never earlier: a promise is not shortened. The same moment again changes nothing.
CREATE FUNCTION title_extend_reservation(p_reservations uuid[], p_until timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_state record;
    v_extended integer := 0;
BEGIN
    FOR v_state IN SELECT * FROM title_states(p_reservations) LOOP
        PERFORM title_permit(v_state.buyer_id);
        PERFORM title_assert_active(v_state.outcome);
        IF p_until > v_state.expires_at THEN
            INSERT INTO title_reservation_extensions (reservation_id, expires_at) VALUES (v_state.id, p_until);
            UPDATE title_active_reservations a SET expires_at = p_until WHERE a.reservation_id = v_state.id;
            v_extended := v_extended + 1;
        END IF;
    END LOOP;
    PERFORM title_settle();
    RETURN v_extended;
END $$;

-- Void reservations (the buyer declined, the order was cancelled). One that is void or expired already is left as
-- it is; one that was posted is a conflict. Gives the lots whose free units changed.
CREATE FUNCTION title_end_reservation(p_reservations uuid[]) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_state record;
    v_lots uuid[] := '{}';
BEGIN
    FOR v_state IN SELECT * FROM title_states(p_reservations) LOOP
        PERFORM title_permit(v_state.buyer_id);
        IF v_state.outcome = 'posted' THEN
            PERFORM title_assert_active(v_state.outcome);
        END IF;
        DELETE FROM title_active_reservations a WHERE a.reservation_id = v_state.id;
        IF FOUND THEN
            INSERT INTO title_reservation_ends (reservation_id, outcome, ended_at)
            VALUES (v_state.id, CASE v_state.outcome WHEN 'active' THEN 'voided' ELSE 'expired' END,
                    v_state.looked_at);
            v_lots := v_lots || v_state.lot_id;
        END IF;
    END LOOP;
    PERFORM title_settle();
    RETURN v_lots;
END $$;

-- For the periodic job. Lots that somebody works on are skipped: whoever works there sweeps them anyway.
CREATE FUNCTION title_expire_due(p_limit integer) RETURNS TABLE (lot_id uuid, group_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := title_now();
    v_lots uuid[];
BEGIN
    PERFORM title_permit(NULL);
    v_lots := ARRAY(
        SELECT l.id FROM title_lots l
         WHERE l.id IN (SELECT a.lot_id FROM title_active_reservations a
                         WHERE a.expires_at <= v_now ORDER BY a.expires_at LIMIT p_limit)
         ORDER BY l.id FOR NO KEY UPDATE SKIP LOCKED);
    RETURN QUERY SELECT DISTINCT a.lot_id, r.group_id
      FROM title_active_reservations a JOIN title_reservations r ON r.id = a.reservation_id
     WHERE a.lot_id = ANY (v_lots) AND a.expires_at <= v_now;
    PERFORM title_sweep(v_lots, v_now);
    PERFORM title_settle();
END $$;

-- Free units of a holder (the lot's opener when none is named) in whole steps of one. Public, as the catalogue is.
CREATE FUNCTION title_available(p_lots uuid[], p_holder uuid) RETURNS TABLE (lot_id uuid, units integer)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
    SELECT l.id, coalesce(sum(upper(f.units) - lower(f.units)), 0)::integer
      FROM title_lots l
      LEFT JOIN LATERAL title_free(l.id, coalesce(p_holder, l.opened_by), 1, title_now(), '{}') f ON true
     WHERE l.id = ANY (p_lots) GROUP BY l.id
$$;
