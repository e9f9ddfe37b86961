-- Internal functions: nobody but the public functions of 4_desk.sql calls them. Each derives the rows from the
-- body it is given, so an entry and its rows cannot disagree.

CREATE FUNCTION title_b64(p_bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rtrim(translate(encode(p_bytes, 'base64'), '+/', '-_'), '=')
$$;

CREATE FUNCTION title_unb64(p_text text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT decode(rpad(translate(p_text, '-_', '+/'), (length(p_text) + 3) / 4 * 4, '='), 'base64')
$$;

CREATE FUNCTION title_span(p_interval jsonb) RETURNS int4range
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT int4range((p_interval->>0)::integer, (p_interval->>1)::integer)
$$;

-- A company acts for itself; staff and the system act for anybody.
CREATE FUNCTION title_permit(p_party uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF cession_scope() IN ('staff', 'system') OR p_party = cession_company() THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'CS403', MESSAGE = 'register.not_permitted',
        DETAIL = 'The register does this for the holder itself, for staff and for the system only.';
END $$;

-- Lots are locked in the order of their ids, so that deals over the same lots wait instead of deadlocking. NO KEY
-- UPDATE, because entries that refer to the lot take KEY SHARE.
CREATE FUNCTION title_lock(p_lots uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_locked integer;
BEGIN
    SELECT count(*) INTO v_locked
      FROM (SELECT l.id FROM title_lots l WHERE l.id = ANY (p_lots) ORDER BY l.id FOR NO KEY UPDATE) locked;
    IF v_locked <> (SELECT count(DISTINCT o) FROM unnest(p_lots) o) OR v_locked = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'CS404', MESSAGE = 'lot.unknown',
            DETAIL = 'The register has no such lot.';
    END IF;
END $$;

-- Runs under the lot's lock before anything is decided, so units never stay reserved for want of a job.
CREATE FUNCTION title_sweep(p_lots uuid[], p_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_swept integer;
BEGIN
    WITH gone AS (
        DELETE FROM title_active_reservations a
         WHERE a.lot_id = ANY (p_lots) AND a.expires_at <= p_now RETURNING a.reservation_id)
    INSERT INTO title_reservation_ends (reservation_id, outcome, ended_at)
    SELECT g.reservation_id, 'expired', p_now FROM gone g;
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    RETURN v_swept;
END $$;

-- Idempotency: true when every entry was written before with the same bytes, false when none was.
CREATE FUNCTION title_seen(p_bodies bytea[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_known integer;
    v_same integer;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE e.body = b.body) INTO v_known, v_same
      FROM unnest(p_bodies) b(body)
      JOIN title_events e ON e.id = (convert_from(b.body, 'UTF8')::jsonb->>'id')::uuid;
    IF v_known = 0 THEN
        RETURN false;
    END IF;
    IF v_known = cardinality(p_bodies) AND v_same = v_known THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'entry.id_reused',
        DETAIL = 'This entry id was used with other contents; make a new id for a new entry.';
END $$;

CREATE FUNCTION title_record(p_body jsonb, p_bytes bytea, p_kind text) RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
    IF p_body->>'type' IS DISTINCT FROM p_kind OR p_body->>'v' IS DISTINCT FROM '1' THEN
        RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'entry.wrong_type',
            DETAIL = format('An entry of type %s, version 1, is expected here.', p_kind);
    END IF;
    INSERT INTO title_events (id, kind, lot_id, body)
    VALUES ((p_body->>'id')::uuid, p_kind, (p_body->>'lot')::uuid, p_bytes);
    RETURN (p_body->>'id')::uuid;
END $$;

-- The holding an outpoint {e, n} names.
CREATE FUNCTION title_holding_at(p_lot uuid, p_outpoint jsonb) RETURNS title_holdings
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_holding title_holdings;
BEGIN
    SELECT h.* INTO v_holding
      FROM title_events e JOIN title_holdings h ON h.created_by = e.id
     WHERE e.leaf_hash = title_unb64(p_outpoint->>'e') AND h.out_no = (p_outpoint->>'n')::smallint
       AND h.lot_id = p_lot;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'CS404', MESSAGE = 'holding.unknown',
            DETAIL = 'No entry of this lot made such an output.';
    END IF;
    RETURN v_holding;
END $$;

-- I10 at the door: the declaration an entry names, if it is by the present owner and covers the units.
CREATE FUNCTION title_declared(p_hash bytea, p_from title_holdings, p_units int4range) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_declaration uuid;
BEGIN
    SELECT d.event_id INTO v_declaration
      FROM title_events e JOIN title_declarations d ON d.event_id = e.id
     WHERE e.leaf_hash = p_hash AND d.origin_id = p_from.origin_id
       AND d.party_id = p_from.party_id AND d.units @> p_units;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'title.undeclared',
            DETAIL = 'The holder must have declared that these units are no longer used.';
    END IF;
    RETURN v_declaration;
END $$;

-- Spend one live holding whole; the output equal to `p_units` goes to `p_to` (nobody = retired), the others stay
-- with the owner. Gives the holding of `p_to`. DELETE and INSERT of live are two statements: in one, EXCLUDE would
-- see both rows.
CREATE FUNCTION title_move(p_bytes bytea, p_kind text, p_units int4range, p_to uuid) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_body jsonb := convert_from(p_bytes, 'UTF8')::jsonb;
    v_from title_holdings := title_holding_at((v_body->>'lot')::uuid, v_body->'in');
    v_declaration uuid;
    v_event uuid;
    v_moved uuid;
BEGIN
    IF v_from.kind = 'r' THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'title.retired',
            DETAIL = 'Retired units never move again.';
    END IF;
    IF (SELECT count(*) FILTER (WHERE title_span(o->'u') = p_units AND (o->>'k' = 'r') = (p_to IS NULL)) <> 1
            OR bool_or(title_span(o->'u') <> p_units AND o->>'k' <> 't')
          FROM jsonb_array_elements(v_body->'out') o) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'entry.output_missing',
            DETAIL = 'Exactly one output of the entry must be the units that move, the others stay title.';
    END IF;
    IF p_kind = 'transfer' THEN
        v_declaration := title_declared(title_unb64(v_body->>'decl'), v_from, p_units);
    END IF;
    DELETE FROM title_live l WHERE l.holding_id = v_from.id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'CS409', MESSAGE = 'title.not_live',
            DETAIL = 'This holding was spent already; read the lot again and repeat with its live holding.';
    END IF;
    v_event := title_record(v_body, p_bytes, p_kind);
    INSERT INTO title_spends (holding_id, event_id, declaration_id) VALUES (v_from.id, v_event, v_declaration);
    INSERT INTO title_holdings (id, lot_id, units, kind, party_id, created_by, out_no, parent_id, origin_id)
    SELECT o.id, v_from.lot_id, o.units, o.kind, CASE WHEN o.moves THEN p_to ELSE v_from.party_id END,
           v_event, o.out_no, v_from.id,
           CASE WHEN o.moves AND p_to IS DISTINCT FROM v_from.party_id THEN o.id ELSE v_from.origin_id END
      FROM (SELECT gen_random_uuid() AS id, title_span(x.value->'u') AS units, x.value->>'k' AS kind,
                   title_span(x.value->'u') = p_units AS moves, (x.ordinality - 1)::smallint AS out_no
              FROM jsonb_array_elements(v_body->'out') WITH ORDINALITY x OFFSET 0) o;
    INSERT INTO title_live (holding_id, lot_id, units, kind, party_id)
    SELECT h.id, h.lot_id, h.units, h.kind, h.party_id FROM title_holdings h WHERE h.created_by = v_event;
    SELECT h.id INTO STRICT v_moved
      FROM title_holdings h WHERE h.created_by = v_event AND h.units = p_units;
    RETURN v_moved;
END $$;

-- The owner of the named holding, or of one it was before a split, says that `u` is no longer used.
CREATE FUNCTION title_declare(p_bytes bytea) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_body jsonb := convert_from(p_bytes, 'UTF8')::jsonb;
    v_holding title_holdings := title_holding_at((v_body->>'lot')::uuid, v_body->'in');
    v_units int4range := title_span(v_body->'u');
    v_event uuid;
BEGIN
    PERFORM title_permit(v_holding.party_id);
    IF v_holding.kind = 'r' OR NOT v_units <@ v_holding.units OR isempty(v_units) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS422', MESSAGE = 'declaration.units_outside',
            DETAIL = 'A declaration covers units of the holding it names.';
    END IF;
    v_event := title_record(v_body, p_bytes, 'declaration.destroyed');
    INSERT INTO title_declarations (event_id, lot_id, holding_id, origin_id, party_id, units)
    VALUES (v_event, v_holding.lot_id, v_holding.id, v_holding.origin_id, v_holding.party_id, v_units);
    RETURN v_event;
END $$;

-- The last writes of every public function: the secrets, then the queue to the log (its order is the causal
-- order, so it comes last), then every deferred guard speaks while the caller can still be told why.
CREATE FUNCTION title_finish(p_bodies bytea[], p_secrets jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO title_disclosures (event_id, field, salt, value)
    SELECT (s.value->>0)::uuid, s.value->>1, title_unb64(s.value->>2), s.value->3
      FROM jsonb_array_elements(p_secrets) s;
    INSERT INTO title_outbox (event_id, leaf_hash)
    SELECT e.id, e.leaf_hash
      FROM unnest(p_bodies) WITH ORDINALITY b(body, line)
      JOIN title_events e ON e.leaf_hash = sha256('\x00'::bytea || b.body) ORDER BY b.line;
    PERFORM title_settle();
END $$;

-- Named, not ALL: the caller's transaction keeps the modes of everybody else's constraints; and deferred again
-- afterwards, for a second call in the same transaction.
CREATE FUNCTION title_settle() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    SET CONSTRAINTS title_spend_whole, title_holding_whole, title_live_true, title_event_true, title_active_true,
        title_reservation_true, title_end_true, title_deal_whole,
        fk_title_holdings_parent_id_created_by_title_spends IMMEDIATE;
    SET CONSTRAINTS title_spend_whole, title_holding_whole, title_live_true, title_event_true, title_active_true,
        title_reservation_true, title_end_true, title_deal_whole,
        fk_title_holdings_parent_id_created_by_title_spends DEFERRED;
END $$;
