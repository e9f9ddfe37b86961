-- Rights. The application reads what its scope shows and calls the desk; it writes no fact itself. Functions run
-- for PUBLIC by default, so that is taken away first.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT p.oid::regprocedure FROM pg_proc p
                       WHERE p.pronamespace = 'public'::regnamespace AND starts_with(p.proname, 'title_') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
    FOR v_function IN SELECT p.oid::regprocedure FROM pg_proc p
                       WHERE p.pronamespace = 'public'::regnamespace AND starts_with(p.proname, 'title_')
                         AND (p.prosecdef OR p.proname = 'title_now') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO cession_app', v_function);
    END LOOP;
END $$;

-- Who may read a row directly: staff and the system everything, a company what it is a party to, the public
-- nothing. Policies of one table look at another through that one's own policy.
DO $$
DECLARE
    v_rule record;
BEGIN
    FOR v_rule IN SELECT * FROM (VALUES
        ('title_lots', 'opened_by = cession_company()'),
        ('title_holdings', 'party_id = cession_company()'),
        ('title_live', 'party_id = cession_company()'),
        ('title_events', 'EXISTS (SELECT FROM title_holdings h WHERE h.created_by = title_events.id)
                          OR EXISTS (SELECT FROM title_spends s WHERE s.event_id = title_events.id)'),
        ('title_spends', 'EXISTS (SELECT FROM title_holdings h WHERE h.id = holding_id)'),
        ('title_declarations', 'party_id = cession_company()'),
        ('title_deals', 'buyer_id = cession_company()'),
        -- A reservation names both sides, and neither may learn the other: the operator stands between them.
        ('title_reservations', 'false'),
        ('title_reservation_extensions', 'false'),
        ('title_reservation_ends', 'false'),
        ('title_active_reservations', 'false'),
        ('title_holds', 'false'),
        ('title_hold_ends', 'false'),
        ('title_disclosures', 'false'),
        ('title_outbox', 'false')
    ) AS rules(table_name, own_rows) LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_rule.table_name);
        EXECUTE format('CREATE POLICY own_rows ON %I FOR SELECT TO cession_app USING ('
            '(SELECT cession_scope()) IN (''staff'', ''system'') OR %s)', v_rule.table_name, v_rule.own_rows);
        EXECUTE format('GRANT SELECT ON %I TO cession_app', v_rule.table_name);
    END LOOP;
END $$;
