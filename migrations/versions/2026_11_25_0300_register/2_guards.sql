-- What the database refuses whoever asks, the owner included. Constraint triggers are deferred, because a
-- move is only whole when its last row is written; the posting functions make them speak before they return.

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY[
        'title_lots', 'title_events', 'title_holdings', 'title_declarations', 'title_spends', 'title_deals',
        'title_reservations', 'title_reservation_extensions', 'title_reservation_ends', 'title_holds',
        'title_hold_ends'
    ] LOOP
        EXECUTE format('CREATE TRIGGER facts_only_grow BEFORE UPDATE OR DELETE ON %I '
            'FOR EACH ROW EXECUTE FUNCTION refuse_change()', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY[
        'title_lots', 'title_events', 'title_holdings', 'title_declarations', 'title_spends', 'title_deals',
        'title_reservations', 'title_reservation_extensions', 'title_reservation_ends', 'title_holds',
        'title_hold_ends', 'title_live', 'title_active_reservations', 'title_outbox', 'title_disclosures'
    ] LOOP
        EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', v_table);
        EXECUTE format('REVOKE TRUNCATE ON %I FROM PUBLIC, cession_app', v_table);
    END LOOP;
END $$;

CREATE TRIGGER disclosures_are_erased_never_edited BEFORE UPDATE ON title_disclosures
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Until there is a log to move entries to, an entry waits here for good.
CREATE TRIGGER entries_wait BEFORE UPDATE OR DELETE ON title_outbox
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- I2: the children of a spent holding tile it: same total length, same union, same lot.
CREATE FUNCTION title_assert_tiled(p_parent uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_parent title_holdings;
    v_whole boolean;
BEGIN
    SELECT h.* INTO STRICT v_parent FROM title_holdings h WHERE h.id = p_parent;
    SELECT range_agg(c.units) = int4multirange(v_parent.units)
           AND sum(upper(c.units) - lower(c.units)) = upper(v_parent.units) - lower(v_parent.units)
           AND bool_and(c.lot_id = v_parent.lot_id)
      INTO v_whole FROM title_holdings c WHERE c.parent_id = p_parent;
    IF v_whole IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.not_tiled',
            DETAIL = 'The outputs of an entry must cover its input exactly, without gap or overlap.';
    END IF;
END $$;

CREATE FUNCTION title_check_spend() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_kind text;
    v_parent title_holdings;
BEGIN
    SELECT e.kind INTO STRICT v_kind FROM title_events e WHERE e.id = NEW.event_id;
    SELECT h.* INTO STRICT v_parent FROM title_holdings h WHERE h.id = NEW.holding_id;
    IF v_kind NOT IN ('transfer', 'retired', 'reversal') THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.entry_moves_nothing',
            DETAIL = format('An entry of type %s cannot spend a holding.', v_kind);
    END IF;
    IF v_parent.kind = 'r' THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'title.retired',
            DETAIL = 'Retired units never move again.';
    END IF;
    PERFORM title_assert_tiled(NEW.holding_id);
    IF EXISTS (SELECT FROM title_live l WHERE l.holding_id = NEW.holding_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.spent_and_live',
            DETAIL = 'A spent holding must leave the live register.';
    END IF;
    IF v_kind = 'transfer' AND EXISTS (
        SELECT FROM title_holdings c
         WHERE c.parent_id = v_parent.id AND c.party_id IS DISTINCT FROM v_parent.party_id
           AND NOT EXISTS (
               SELECT FROM title_declarations d
                WHERE d.event_id = NEW.declaration_id AND d.origin_id = v_parent.origin_id
                  AND d.party_id = v_parent.party_id AND d.units @> c.units)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'title.undeclared',
            DETAIL = 'The holder must have declared that these units are no longer used.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_spend_whole AFTER INSERT ON title_spends
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_spend();

CREATE FUNCTION title_check_genesis(p_holding title_holdings) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM title_lots l JOIN title_events e ON e.lot_id = l.id
         WHERE l.id = p_holding.lot_id AND e.id = p_holding.created_by AND e.kind = 'lot.opened'
           AND p_holding.units = int4range(0, l.units) AND p_holding.out_no = 0
           AND p_holding.party_id = l.opened_by AND p_holding.origin_id = p_holding.id)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.false_genesis',
            DETAIL = 'The first holding of a lot is the whole lot, made by the entry that opened it.';
    END IF;
END $$;

CREATE FUNCTION title_check_holding() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_parent title_holdings;
BEGIN
    IF EXISTS (SELECT FROM title_live l WHERE l.holding_id = NEW.id)
       = EXISTS (SELECT FROM title_spends s WHERE s.holding_id = NEW.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.live_xor_spent',
            DETAIL = 'A holding is either live or spent.';
    END IF;
    IF NEW.parent_id IS NULL THEN
        PERFORM title_check_genesis(NEW);
        RETURN NULL;
    END IF;
    SELECT h.* INTO STRICT v_parent FROM title_holdings h WHERE h.id = NEW.parent_id;
    PERFORM title_assert_tiled(NEW.parent_id);
    IF NEW.party_id IS NOT DISTINCT FROM v_parent.party_id THEN
        IF NEW.origin_id IS DISTINCT FROM v_parent.origin_id THEN
            RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.false_origin',
                DETAIL = 'A remainder keeps the origin of its parent.';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.origin_id IS DISTINCT FROM NEW.id THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.false_origin',
            DETAIL = 'A new owner begins a new origin.';
    END IF;
    IF EXISTS (SELECT FROM title_holds h WHERE h.lot_id = NEW.lot_id AND h.units && NEW.units
                  AND NOT EXISTS (SELECT FROM title_hold_ends n WHERE n.hold_id = h.id)) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS423', MESSAGE = 'title.held',
            DETAIL = 'These units are held; they cannot move until the hold is lifted.';
    END IF;
    IF EXISTS (SELECT FROM title_active_reservations a
                WHERE a.lot_id = NEW.lot_id AND a.units && NEW.units) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS423', MESSAGE = 'title.reserved',
            DETAIL = 'These units are reserved; they move to their reserver or not at all.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_holding_whole AFTER INSERT ON title_holdings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_holding();

-- I5: live is exactly the holdings without a spend, column by column.
CREATE FUNCTION title_check_live() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_holding uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.holding_id ELSE NEW.holding_id END;
    v_spent boolean := EXISTS (SELECT FROM title_spends s WHERE s.holding_id = v_holding);
    v_live title_live;
BEGIN
    SELECT l.* INTO v_live FROM title_live l WHERE l.holding_id = v_holding;
    IF FOUND = v_spent THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.live_xor_spent',
            DETAIL = 'A holding is either live or spent.';
    END IF;
    IF v_live.holding_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM title_holdings h
         WHERE h.id = v_holding AND h.lot_id = v_live.lot_id AND h.units = v_live.units
           AND h.kind = v_live.kind AND h.party_id IS NOT DISTINCT FROM v_live.party_id)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.live_differs',
            DETAIL = 'A live row must equal its holding.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_live_true AFTER INSERT OR UPDATE OR DELETE ON title_live
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_live();

-- I7, I8, I17: the body names the rows it made, moves exactly one input if it moves at all, and waits for
-- the log exactly once.
CREATE FUNCTION title_check_event() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_body jsonb := convert_from(NEW.body, 'UTF8')::jsonb;
    v_moves boolean := NEW.kind IN ('transfer', 'retired', 'reversal');
    v_spent jsonb;
    v_made jsonb;
BEGIN
    SELECT jsonb_build_object('e', title_b64(e.leaf_hash), 'n', h.out_no,
                              'u', jsonb_build_array(lower(h.units), upper(h.units)))
      INTO v_spent
      FROM title_spends s JOIN title_holdings h ON h.id = s.holding_id
      JOIN title_events e ON e.id = h.created_by WHERE s.event_id = NEW.id;
    SELECT jsonb_agg(jsonb_build_object(
               'u', jsonb_build_array(lower(h.units), upper(h.units)), 'k', h.kind) ORDER BY h.out_no)
      INTO v_made FROM title_holdings h WHERE h.created_by = NEW.id;
    IF v_body->>'type' IS DISTINCT FROM NEW.kind OR v_body->>'id' IS DISTINCT FROM NEW.id::text
       OR v_body->>'lot' IS DISTINCT FROM NEW.lot_id::text
       OR v_moves <> (v_spent IS NOT NULL)
       OR (v_moves OR NEW.kind = 'lot.opened') <> (v_made IS NOT NULL)
       OR (v_moves AND v_body->'in' IS DISTINCT FROM v_spent)
       OR v_made IS DISTINCT FROM (
           SELECT jsonb_agg(jsonb_build_object('u', o.value->'u', 'k', coalesce(o.value->>'k', 't'))
                            ORDER BY o.ordinality)
             FROM jsonb_array_elements(v_body->'out') WITH ORDINALITY o)
       OR (NEW.kind = 'declaration.destroyed')
          <> EXISTS (SELECT FROM title_declarations d WHERE d.event_id = NEW.id)
       OR NOT EXISTS (SELECT FROM title_outbox o
                       WHERE o.event_id = NEW.id AND o.leaf_hash = NEW.leaf_hash)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'title.entry_differs',
            DETAIL = 'An entry must name exactly the rows it made and wait for the log once.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_event_true AFTER INSERT ON title_events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_event();

CREATE FUNCTION title_expiry(p_reservation uuid) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT greatest(r.expires_at, (SELECT max(x.expires_at) FROM title_reservation_extensions x
                                    WHERE x.reservation_id = r.id))
      FROM title_reservations r WHERE r.id = p_reservation
$$;

-- I12, active side: a reservation is active or ended, and an active one equals its facts.
CREATE FUNCTION title_check_active() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
    v_active title_active_reservations;
    v_ended boolean;
BEGIN
    IF TG_TABLE_NAME = 'title_reservations' THEN
        v_id := NEW.id;
    ELSE
        v_id := CASE WHEN TG_OP = 'DELETE' THEN OLD.reservation_id ELSE NEW.reservation_id END;
    END IF;
    v_ended := EXISTS (SELECT FROM title_reservation_ends n WHERE n.reservation_id = v_id);
    SELECT a.* INTO v_active FROM title_active_reservations a WHERE a.reservation_id = v_id;
    IF FOUND = v_ended THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'reservation.active_xor_ended',
            DETAIL = 'A reservation is either active or ended.';
    END IF;
    IF v_active.reservation_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM title_reservations r JOIN title_live l ON l.lot_id = r.lot_id
         WHERE r.id = v_id AND r.lot_id = v_active.lot_id AND r.units = v_active.units
           AND v_active.expires_at = title_expiry(v_id)
           AND l.units @> r.units AND l.kind = 't' AND l.party_id = r.holder_id)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'reservation.false',
            DETAIL = 'An active reservation must equal its facts and lie within a holding of the seller.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_active_true AFTER INSERT OR UPDATE OR DELETE ON title_active_reservations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_active();

CREATE CONSTRAINT TRIGGER title_reservation_true AFTER INSERT ON title_reservations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_active();

-- I12, I13, I14, end side: never posted at or after expiry, posted to the reserver only, and a deal's lines
-- end together.
CREATE FUNCTION title_check_end() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_expiry timestamptz := title_expiry(NEW.reservation_id);
BEGIN
    IF EXISTS (SELECT FROM title_active_reservations a WHERE a.reservation_id = NEW.reservation_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'reservation.active_xor_ended',
            DETAIL = 'A reservation is either active or ended.';
    END IF;
    IF NEW.outcome = 'expired' AND NEW.ended_at < v_expiry THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'reservation.not_expired',
            DETAIL = 'A reservation expires at its time, not before.';
    END IF;
    IF NEW.outcome = 'posted' AND (NEW.ended_at >= v_expiry OR NOT EXISTS (
        SELECT FROM title_reservations r JOIN title_holdings h ON h.lot_id = r.lot_id
          JOIN title_deals d ON d.id = NEW.deal_id
         WHERE r.id = NEW.reservation_id AND h.created_by = NEW.event_id AND h.units <@ r.units
           AND h.party_id = r.buyer_id AND d.buyer_id = r.buyer_id
           AND d.lines = (SELECT count(*) FROM title_reservation_ends n WHERE n.deal_id = d.id)))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'reservation.false_post',
            DETAIL = 'Reserved units are posted before expiry, to their reserver, with all lines of the deal.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_end_true AFTER INSERT ON title_reservation_ends
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_end();

CREATE FUNCTION title_check_deal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lines <> (SELECT count(*) FROM title_reservation_ends n WHERE n.deal_id = NEW.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS500', MESSAGE = 'deal.incomplete',
            DETAIL = 'The lines of a deal are posted together or not at all.';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER title_deal_whole AFTER INSERT ON title_deals
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION title_check_deal();
