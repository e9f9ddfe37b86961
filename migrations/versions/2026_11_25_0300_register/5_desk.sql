-- The desk: what the application may call. Every function locks first, decides by database time, writes facts,
-- secrets and the queue to the log in that order, and lets every guard speak before it returns.

CREATE FUNCTION title_open_lot(p_lot uuid, p_owner uuid, p_body bytea, p_secrets jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_body jsonb := convert_from(p_body, 'UTF8')::jsonb;
    v_event uuid;
    v_holding uuid := gen_random_uuid();
BEGIN
    PERFORM title_permit(NULL);
    INSERT INTO title_lots (id, units, opened_by) VALUES (p_lot, (v_body->>'units')::integer, p_owner)
        ON CONFLICT (id) DO NOTHING;
    IF title_seen(ARRAY[p_body]) THEN
        RETURN (SELECT h.id FROM title_holdings h WHERE h.lot_id = p_lot AND h.parent_id IS NULL);
    END IF;
    v_event := title_record(v_body, p_body, 'lot.opened');
    INSERT INTO title_holdings (id, lot_id, units, kind, party_id, created_by, out_no, origin_id)
    VALUES (v_holding, p_lot, title_span(v_body->'out'->0->'u'), 't', p_owner, v_event, 0, v_holding);
    INSERT INTO title_live (holding_id, lot_id, units, kind, party_id)
    SELECT h.id, h.lot_id, h.units, h.kind, h.party_id FROM title_holdings h WHERE h.id = v_holding;
    PERFORM title_finish(ARRAY[p_body], p_secrets);
    RETURN v_holding;
END $$;

-- What must be known to write the entries of a deal: lock its lots, then each reservation's state, the live holding
-- it lies in, that holding's outpoint and the owner's declaration over the units, in the order asked.
CREATE FUNCTION title_prepare_deal(p_reservations uuid[])
RETURNS TABLE (reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer, outcome text,
               holder_id uuid, buyer_id uuid, deal_id uuid, event_id uuid,
               holding_lo integer, holding_hi integer, leaf_hash bytea, out_no integer,
               declaration_hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM title_permit(NULL);
    -- A statement of its own: what a query reads was fixed before a lock it takes itself.
    PERFORM FROM title_states(p_reservations);
    RETURN QUERY
    SELECT s.id, s.lot_id, lower(s.units), upper(s.units), s.outcome, s.holder_id, s.buyer_id, s.deal_id,
           s.event_id, lower(h.units), upper(h.units), e.leaf_hash, h.out_no::integer, d.leaf_hash
      FROM title_states(p_reservations) s
      LEFT JOIN title_live l ON l.lot_id = s.lot_id AND l.units @> s.units AND l.party_id = s.holder_id
      LEFT JOIN title_holdings h ON h.id = l.holding_id
      LEFT JOIN title_events e ON e.id = h.created_by
      LEFT JOIN LATERAL (
          SELECT x.leaf_hash FROM title_declarations d JOIN title_events x ON x.id = d.event_id
           WHERE d.origin_id = h.origin_id AND d.party_id = h.party_id AND d.units @> s.units
           ORDER BY x.recorded_at DESC LIMIT 1) d ON true
     ORDER BY s.line;
END $$;

-- Post every line of a deal, or none: seller -> operator, the operator's own declaration, operator -> buyer; each
-- consumes its reservation. `p_bodies` has three entries per reservation, in that order.
CREATE FUNCTION title_post_deal(
    p_deal uuid, p_operator uuid, p_buyer uuid, p_reservations uuid[], p_bodies bytea[], p_secrets jsonb)
RETURNS TABLE (reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer, seller_id uuid,
               holding_id uuid, purchase_id uuid, sale_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_state record;
    v_line integer := 0;
    v_holding uuid;
    v_event uuid;
BEGIN
    PERFORM title_permit(NULL);
    PERFORM FROM title_states(p_reservations);
    IF NOT title_seen(p_bodies) THEN
        IF cardinality(p_bodies) <> 3 * cardinality(p_reservations) THEN
            RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'deal.entries_missing',
                DETAIL = 'A deal has three entries for every reservation.';
        END IF;
        IF EXISTS (SELECT FROM title_deals d WHERE d.id = p_deal) THEN
            RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'deal.id_reused',
                DETAIL = 'This deal was posted already, with other lines.';
        END IF;
        INSERT INTO title_deals (id, lines, operator_id, buyer_id)
        VALUES (p_deal, cardinality(p_reservations), p_operator, p_buyer);
        FOR v_state IN SELECT * FROM title_states(p_reservations) LOOP
            PERFORM title_assert_active(v_state.outcome);
            IF v_state.buyer_id <> p_buyer THEN
                RAISE EXCEPTION USING ERRCODE = 'CS423', MESSAGE = 'title.reserved',
                    DETAIL = 'These units are reserved for another company.';
            END IF;
            PERFORM title_move(p_bodies[3 * v_line + 1], 'transfer', v_state.units, p_operator);
            PERFORM title_declare(p_bodies[3 * v_line + 2]);
            v_holding := title_move(p_bodies[3 * v_line + 3], 'transfer', v_state.units, p_buyer);
            SELECT h.created_by INTO STRICT v_event FROM title_holdings h WHERE h.id = v_holding;
            DELETE FROM title_active_reservations a WHERE a.reservation_id = v_state.id;
            INSERT INTO title_reservation_ends (reservation_id, outcome, event_id, deal_id, ended_at)
            VALUES (v_state.id, 'posted', v_event, p_deal, v_state.looked_at);
            v_line := v_line + 1;
        END LOOP;
        PERFORM title_finish(p_bodies, p_secrets);
    END IF;
    RETURN QUERY SELECT * FROM title_deal_lines(p_deal);
END $$;

CREATE FUNCTION title_deal_lines(p_deal uuid)
RETURNS TABLE (reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer, seller_id uuid,
               holding_id uuid, purchase_id uuid, sale_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
    SELECT r.id, r.lot_id, lower(r.units), upper(r.units), r.holder_id, h.id, o.created_by, n.event_id
      FROM title_deals d
      JOIN title_reservation_ends n ON n.deal_id = d.id
      JOIN title_reservations r ON r.id = n.reservation_id
      JOIN title_holdings h ON h.created_by = n.event_id AND h.units = r.units
      JOIN title_holdings o ON o.id = h.parent_id
     WHERE d.id = p_deal AND (cession_scope() IN ('staff', 'system') OR d.buyer_id = cession_company())
     ORDER BY r.lot_id, lower(r.units)
$$;

-- Where a holder's declaration must point: the live holding around each of its reserved intervals, and the
-- declaration that is there already, if any.
CREATE FUNCTION title_prepare_declaration(p_reservations uuid[])
RETURNS TABLE (reservation_id uuid, lot_id uuid, units_lo integer, units_hi integer, holder_id uuid,
               leaf_hash bytea, out_no integer, declaration_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_state record;
BEGIN
    FOR v_state IN SELECT * FROM title_states(p_reservations) LOOP
        PERFORM title_permit(v_state.holder_id);
        PERFORM title_assert_active(v_state.outcome);
    END LOOP;
    RETURN QUERY
    SELECT r.id, r.lot_id, lower(r.units), upper(r.units), r.holder_id, e.leaf_hash, h.out_no::integer,
           (SELECT d.event_id FROM title_declarations d
             WHERE d.origin_id = h.origin_id AND d.party_id = h.party_id AND d.units @> r.units LIMIT 1)
      FROM unnest(p_reservations) WITH ORDINALITY o(id, line)
      JOIN title_reservations r ON r.id = o.id
      JOIN title_live l ON l.lot_id = r.lot_id AND l.units @> r.units AND l.party_id = r.holder_id
      JOIN title_holdings h ON h.id = l.holding_id
      JOIN title_events e ON e.id = h.created_by
     ORDER BY o.line;
END $$;

CREATE FUNCTION title_attach_declaration(p_bodies bytea[], p_secrets jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_body bytea;
BEGIN
    IF NOT title_seen(p_bodies) THEN
        FOREACH v_body IN ARRAY p_bodies LOOP
            PERFORM title_declare(v_body);
        END LOOP;
        PERFORM title_finish(p_bodies, p_secrets);
    END IF;
END $$;

-- The live holdings that overlap some units of a lot, under the lot's lock: what an entry over them must name.
CREATE FUNCTION title_pieces(p_lot uuid, p_lo integer, p_hi integer)
RETURNS TABLE (holding_id uuid, units_lo integer, units_hi integer, kind text, party_id uuid,
               leaf_hash bytea, out_no integer, parent_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM title_lock(ARRAY[p_lot]);
    RETURN QUERY
    SELECT h.id, lower(h.units), upper(h.units), h.kind, h.party_id, e.leaf_hash, h.out_no::integer, h.parent_id
      FROM title_live l JOIN title_holdings h ON h.id = l.holding_id JOIN title_events e ON e.id = h.created_by
     WHERE l.lot_id = p_lot AND l.units && int4range(p_lo, p_hi)
       AND (cession_scope() IN ('staff', 'system') OR l.party_id = cession_company())
     ORDER BY lower(h.units);
END $$;

CREATE FUNCTION title_retire(p_lot uuid, p_lo integer, p_hi integer, p_body bytea, p_secrets jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_from title_holdings;
    v_holding uuid;
BEGIN
    PERFORM title_lock(ARRAY[p_lot]);
    v_from := title_holding_at(p_lot, convert_from(p_body, 'UTF8')::jsonb->'in');
    PERFORM title_permit(v_from.party_id);
    IF title_seen(ARRAY[p_body]) THEN
        RETURN (SELECT h.id FROM title_holdings h JOIN title_events e ON e.id = h.created_by
                 WHERE e.body = p_body AND h.units = int4range(p_lo, p_hi));
    END IF;
    PERFORM title_sweep(ARRAY[p_lot], title_now());
    v_holding := title_move(p_body, 'retired', int4range(p_lo, p_hi), NULL);
    PERFORM title_finish(ARRAY[p_body], p_secrets);
    RETURN v_holding;
END $$;

-- The holding a transfer made that gave the present owner its title. Over a reversal one looks through to the
-- transfer before: units that came back from B are the operator's as they were when it sold them to B.
CREATE FUNCTION title_given_by(p_from title_holdings) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT CASE e.kind WHEN 'reversal' THEN q.origin_id ELSE x.id END
      FROM title_holdings x JOIN title_events e ON e.id = x.created_by
      LEFT JOIN title_holdings p ON p.id = x.parent_id
      LEFT JOIN title_holdings b ON b.id = p.origin_id
      LEFT JOIN title_holdings q ON q.id = b.parent_id
     WHERE x.id = p_from.origin_id
$$;

-- A compensating move: units that an earlier transfer brought to their present owner go back to the one it took
-- them from. Nothing of the past changes.
CREATE FUNCTION title_reverse(p_lot uuid, p_lo integer, p_hi integer, p_body bytea, p_secrets jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_body jsonb := convert_from(p_body, 'UTF8')::jsonb;
    v_units int4range := int4range(p_lo, p_hi);
    v_from title_holdings;
    v_previous uuid;
    v_holding uuid;
BEGIN
    PERFORM title_permit(NULL);
    PERFORM title_lock(ARRAY[p_lot]);
    IF title_seen(ARRAY[p_body]) THEN
        RETURN (SELECT h.id FROM title_holdings h JOIN title_events e ON e.id = h.created_by
                 WHERE e.body = p_body AND h.units = v_units);
    END IF;
    v_from := title_holding_at(p_lot, v_body->'in');
    SELECT p.party_id INTO v_previous
      FROM title_events e JOIN title_holdings o ON o.created_by = e.id JOIN title_holdings p ON p.id = o.parent_id
     WHERE e.leaf_hash = title_unb64(v_body->>'reverses') AND e.kind = 'transfer'
       AND o.id = title_given_by(v_from) AND o.units @> v_units AND o.party_id = v_from.party_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'reversal.not_of_this',
            DETAIL = 'The entry to reverse did not bring these units to their present holder.';
    END IF;
    PERFORM title_sweep(ARRAY[p_lot], title_now());
    v_holding := title_move(p_body, 'reversal', v_units, v_previous);
    PERFORM title_finish(ARRAY[p_body], p_secrets);
    RETURN v_holding;
END $$;

CREATE FUNCTION title_place_hold(
    p_lot uuid, p_holds uuid[], p_reason text, p_placed_by uuid, p_bodies bytea[], p_secrets jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_body jsonb;
    v_from title_holdings;
BEGIN
    PERFORM title_permit(NULL);
    PERFORM title_lock(ARRAY[p_lot]);
    IF title_seen(p_bodies) THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(p_bodies) LOOP
        v_body := convert_from(p_bodies[i], 'UTF8')::jsonb;
        v_from := title_holding_at(p_lot, v_body->'in');
        IF NOT title_span(v_body->'u') <@ v_from.units OR v_from.kind = 'r' THEN
            RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'hold.units_outside',
                DETAIL = 'A hold covers title units of the holding it names.';
        END IF;
        INSERT INTO title_holds (id, lot_id, units, reason, placed_by, event_id)
        VALUES (p_holds[i], p_lot, title_span(v_body->'u'), p_reason, p_placed_by,
                title_record(v_body, p_bodies[i], 'hold.placed'));
    END LOOP;
    PERFORM title_finish(p_bodies, p_secrets);
END $$;

CREATE FUNCTION title_lift_hold(p_hold uuid, p_lifted_by uuid, p_body bytea, p_secrets jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_body jsonb := convert_from(p_body, 'UTF8')::jsonb;
    v_hold title_holds;
BEGIN
    PERFORM title_permit(NULL);
    SELECT h.* INTO v_hold FROM title_holds h WHERE h.id = p_hold;
    PERFORM title_lock(ARRAY[v_hold.lot_id]);
    IF title_seen(ARRAY[p_body]) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM title_hold_ends n WHERE n.hold_id = p_hold) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'hold.lifted', DETAIL = 'This hold was lifted already.';
    END IF;
    IF title_span(v_body->'u') IS DISTINCT FROM v_hold.units THEN
        RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'hold.units_outside',
            DETAIL = 'A hold is lifted over exactly its units.';
    END IF;
    INSERT INTO title_hold_ends (hold_id, event_id, lifted_by)
    VALUES (p_hold, title_record(v_body, p_body, 'hold.lifted'), p_lifted_by);
    PERFORM title_finish(ARRAY[p_body], p_secrets);
END $$;

-- Entries that move nothing: evidence, corrections of metadata, issued certificates.
CREATE FUNCTION title_note(p_kinds text[], p_bodies bytea[], p_secrets jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM title_permit(NULL);
    IF title_seen(p_bodies) THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(p_bodies) LOOP
        IF p_kinds[i] NOT IN ('evidence.attached', 'record.corrected', 'certificate.issued') THEN
            RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'entry.wrong_type',
                DETAIL = 'Only entries that move nothing are written this way.';
        END IF;
        PERFORM title_record(convert_from(p_bodies[i], 'UTF8')::jsonb, p_bodies[i], p_kinds[i]);
    END LOOP;
    PERFORM title_finish(p_bodies, p_secrets);
END $$;

-- The path of a holding, owner by owner, back to the first sale. One step per owner: from a holding to where its
-- owner's title began, and over that entry to the owner before.
CREATE FUNCTION title_chain(p_holding uuid)
RETURNS TABLE (step integer, holding_id uuid, lot_id uuid, party_id uuid, kind text, units_lo integer, units_hi integer,
               event_id uuid, event_kind text, leaf_hash bytea, recorded_at timestamptz,
               declaration_hash bytea, declared_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
    WITH RECURSIVE path AS (
        SELECT 0 AS step, o.id, o.party_id, o.kind, o.created_by, o.parent_id
          FROM title_holdings h JOIN title_holdings o ON o.id = h.origin_id
         WHERE h.id = p_holding
           AND (cession_scope() IN ('staff', 'system') OR h.party_id = cession_company())
        UNION ALL
        SELECT p.step + 1, o.id, o.party_id, o.kind, o.created_by, o.parent_id
          FROM path p JOIN title_holdings b ON b.id = p.parent_id JOIN title_holdings o ON o.id = b.origin_id)
    SELECT p.step, p.id, h.lot_id, p.party_id, p.kind, lower(h.units), upper(h.units), e.id, e.kind,
           e.leaf_hash, e.recorded_at, d.leaf_hash, d.recorded_at
      FROM path p JOIN title_events e ON e.id = p.created_by
      JOIN title_holdings h ON h.id = p_holding
      LEFT JOIN title_spends s ON s.event_id = e.id
      LEFT JOIN title_events d ON d.id = s.declaration_id
     ORDER BY p.step DESC
$$;
