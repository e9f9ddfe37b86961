-- The title register: facts that only grow, and four projections of them (live, active_reservations,
-- outbox and nothing else) that can be rebuilt. Units of a lot are the integers [0, units); a holding is a
-- half-open interval of them. Companies are opaque ids here: the register must outlive every other table.

-- The one clock of the register. Expiry is decided by the database, never by a client's clock.
CREATE FUNCTION title_now() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$ SELECT clock_timestamp() $$;

CREATE TABLE title_lots (
    id uuid CONSTRAINT pk_title_lots PRIMARY KEY,
    units integer NOT NULL CONSTRAINT ck_title_lots_units_positive CHECK (units > 0),
    opened_by uuid NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT title_now()
);

CREATE TABLE title_events (
    id uuid CONSTRAINT pk_title_events PRIMARY KEY,
    kind text NOT NULL CONSTRAINT ck_title_events_kind_known CHECK (kind IN (
        'lot.opened', 'evidence.attached', 'declaration.destroyed', 'transfer', 'retired',
        'hold.placed', 'hold.lifted', 'reversal', 'record.corrected', 'certificate.issued')),
    lot_id uuid NOT NULL CONSTRAINT fk_title_events_lot_id_title_lots REFERENCES title_lots,
    body bytea NOT NULL CONSTRAINT ck_title_events_body_size CHECK (octet_length(body) <= 65535),
    leaf_hash bytea NOT NULL GENERATED ALWAYS AS (sha256('\x00'::bytea || body)) STORED
        CONSTRAINT uq_title_events_leaf_hash UNIQUE,
    recorded_at timestamptz NOT NULL DEFAULT title_now()
);

CREATE INDEX ix_title_events_lot_id ON title_events (lot_id);

-- origin_id: the holding with which the present owner's unbroken ownership began. A remainder inherits it, a
-- new owner starts a new one. It makes "declared by the current holder" and the chain of title one look-up
-- per owner, however often the units around were split.
CREATE TABLE title_holdings (
    id uuid CONSTRAINT pk_title_holdings PRIMARY KEY,
    lot_id uuid NOT NULL CONSTRAINT fk_title_holdings_lot_id_title_lots REFERENCES title_lots,
    units int4range NOT NULL CONSTRAINT ck_title_holdings_units_bounded CHECK (
        NOT isempty(units) AND lower(units) IS NOT NULL AND upper(units) IS NOT NULL AND lower(units) >= 0),
    kind text NOT NULL CONSTRAINT ck_title_holdings_kind_known CHECK (kind IN ('t', 'r')),
    party_id uuid,
    created_by uuid NOT NULL
        CONSTRAINT fk_title_holdings_created_by_title_events REFERENCES title_events,
    out_no smallint NOT NULL CONSTRAINT ck_title_holdings_out_no_natural CHECK (out_no >= 0),
    parent_id uuid CONSTRAINT fk_title_holdings_parent_id_title_holdings REFERENCES title_holdings,
    origin_id uuid NOT NULL
        CONSTRAINT fk_title_holdings_origin_id_title_holdings REFERENCES title_holdings,
    CONSTRAINT ck_title_holdings_retired_has_no_party CHECK ((kind = 'r') = (party_id IS NULL)),
    CONSTRAINT uq_title_holdings_created_by_out_no UNIQUE (created_by, out_no)
);

CREATE UNIQUE INDEX uq_title_holdings_lot_id_genesis ON title_holdings (lot_id) WHERE parent_id IS NULL;

CREATE INDEX ix_title_holdings_parent_id ON title_holdings (parent_id);

CREATE TABLE title_declarations (
    event_id uuid CONSTRAINT pk_title_declarations PRIMARY KEY
        CONSTRAINT fk_title_declarations_event_id_title_events REFERENCES title_events,
    lot_id uuid NOT NULL CONSTRAINT fk_title_declarations_lot_id_title_lots REFERENCES title_lots,
    holding_id uuid NOT NULL
        CONSTRAINT fk_title_declarations_holding_id_title_holdings REFERENCES title_holdings,
    origin_id uuid NOT NULL
        CONSTRAINT fk_title_declarations_origin_id_title_holdings REFERENCES title_holdings,
    party_id uuid NOT NULL,
    units int4range NOT NULL CONSTRAINT ck_title_declarations_units_not_empty CHECK (NOT isempty(units))
);

-- A seller of one large lot declares hundreds of times; only the one around the units is wanted.
CREATE INDEX ix_title_declarations_origin_id_units ON title_declarations USING gist (origin_id, units);

-- The primary key is the whole double-spend guard: a holding is spent once.
CREATE TABLE title_spends (
    holding_id uuid CONSTRAINT pk_title_spends PRIMARY KEY
        CONSTRAINT fk_title_spends_holding_id_title_holdings REFERENCES title_holdings,
    event_id uuid NOT NULL CONSTRAINT fk_title_spends_event_id_title_events REFERENCES title_events
        CONSTRAINT uq_title_spends_event_id UNIQUE,
    declaration_id uuid
        CONSTRAINT fk_title_spends_declaration_id_title_declarations REFERENCES title_declarations,
    CONSTRAINT uq_title_spends_holding_id_event_id UNIQUE (holding_id, event_id)
);

-- A child exists only through the spend of its parent by the event that made the child.
ALTER TABLE title_holdings ADD CONSTRAINT fk_title_holdings_parent_id_created_by_title_spends
    FOREIGN KEY (parent_id, created_by) REFERENCES title_spends (holding_id, event_id)
    DEFERRABLE INITIALLY DEFERRED;

-- Who holds what now. Retired units stay, without a party, so that nothing can ever take their place.
CREATE TABLE title_live (
    holding_id uuid CONSTRAINT pk_title_live PRIMARY KEY
        CONSTRAINT fk_title_live_holding_id_title_holdings REFERENCES title_holdings,
    lot_id uuid NOT NULL,
    units int4range NOT NULL,
    kind text NOT NULL,
    party_id uuid,
    CONSTRAINT ex_title_live_units EXCLUDE USING gist (lot_id WITH =, units WITH &&)
);

-- "What does this holder have in this lot" must not read what hundreds of buyers hold there.
CREATE INDEX ix_title_live_lot_id_party_id ON title_live (lot_id, party_id);

CREATE INDEX ix_title_live_party_id ON title_live (party_id);

CREATE TABLE title_deals (
    id uuid CONSTRAINT pk_title_deals PRIMARY KEY,
    lines integer NOT NULL CONSTRAINT ck_title_deals_lines_positive CHECK (lines > 0),
    operator_id uuid NOT NULL,
    buyer_id uuid NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT title_now()
);

CREATE TABLE title_reservations (
    id uuid CONSTRAINT pk_title_reservations PRIMARY KEY,
    group_id uuid NOT NULL,
    line_no smallint NOT NULL,
    lot_id uuid NOT NULL CONSTRAINT fk_title_reservations_lot_id_title_lots REFERENCES title_lots,
    units int4range NOT NULL CONSTRAINT ck_title_reservations_units_not_empty CHECK (NOT isempty(units)),
    holder_id uuid NOT NULL,
    buyer_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT title_now()
);

CREATE INDEX ix_title_reservations_group_id ON title_reservations (group_id);

CREATE TABLE title_reservation_extensions (
    reservation_id uuid NOT NULL
        CONSTRAINT fk_title_reservation_extensions_reservation_id_title_reservations
        REFERENCES title_reservations,
    expires_at timestamptz NOT NULL,
    extended_at timestamptz NOT NULL DEFAULT title_now(),
    CONSTRAINT pk_title_reservation_extensions PRIMARY KEY (reservation_id, expires_at)
);

-- One row per reservation at most: posted, voided or expired, and the first word is the last.
CREATE TABLE title_reservation_ends (
    reservation_id uuid CONSTRAINT pk_title_reservation_ends PRIMARY KEY
        CONSTRAINT fk_title_reservation_ends_reservation_id_title_reservations
        REFERENCES title_reservations,
    outcome text NOT NULL CONSTRAINT ck_title_reservation_ends_outcome_known
        CHECK (outcome IN ('posted', 'voided', 'expired')),
    event_id uuid CONSTRAINT fk_title_reservation_ends_event_id_title_events REFERENCES title_events,
    deal_id uuid CONSTRAINT fk_title_reservation_ends_deal_id_title_deals REFERENCES title_deals,
    ended_at timestamptz NOT NULL DEFAULT title_now(),
    CONSTRAINT ck_title_reservation_ends_posted_in_a_deal CHECK (
        (outcome = 'posted') = (event_id IS NOT NULL) AND (outcome = 'posted') = (deal_id IS NOT NULL))
);

CREATE INDEX ix_title_reservation_ends_deal_id ON title_reservation_ends (deal_id);

CREATE TABLE title_active_reservations (
    reservation_id uuid CONSTRAINT pk_title_active_reservations PRIMARY KEY
        CONSTRAINT fk_title_active_reservations_reservation_id_title_reservations
        REFERENCES title_reservations,
    lot_id uuid NOT NULL,
    units int4range NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ex_title_active_reservations_units EXCLUDE USING gist (lot_id WITH =, units WITH &&)
);

CREATE INDEX ix_title_active_reservations_lot_id ON title_active_reservations (lot_id);

CREATE INDEX ix_title_active_reservations_expires_at ON title_active_reservations (expires_at);

CREATE TABLE title_holds (
    id uuid CONSTRAINT pk_title_holds PRIMARY KEY,
    lot_id uuid NOT NULL CONSTRAINT fk_title_holds_lot_id_title_lots REFERENCES title_lots,
    units int4range NOT NULL CONSTRAINT ck_title_holds_units_not_empty CHECK (NOT isempty(units)),
    reason text NOT NULL,
    placed_by uuid,
    event_id uuid NOT NULL CONSTRAINT fk_title_holds_event_id_title_events REFERENCES title_events
        CONSTRAINT uq_title_holds_event_id UNIQUE,
    placed_at timestamptz NOT NULL DEFAULT title_now()
);

CREATE INDEX ix_title_holds_lot_id ON title_holds (lot_id);

CREATE TABLE title_hold_ends (
    hold_id uuid CONSTRAINT pk_title_hold_ends PRIMARY KEY
        CONSTRAINT fk_title_hold_ends_hold_id_title_holds REFERENCES title_holds,
    event_id uuid NOT NULL CONSTRAINT fk_title_hold_ends_event_id_title_events REFERENCES title_events
        CONSTRAINT uq_title_hold_ends_event_id UNIQUE,
    lifted_by uuid,
    lifted_at timestamptz NOT NULL DEFAULT title_now()
);

-- The only table rows may be erased from: entries carry commitments, the values are here.
CREATE TABLE title_disclosures (
    event_id uuid NOT NULL CONSTRAINT fk_title_disclosures_event_id_title_events REFERENCES title_events,
    field text NOT NULL,
    salt bytea NOT NULL CONSTRAINT ck_title_disclosures_salt_size CHECK (octet_length(salt) = 16),
    value jsonb NOT NULL,
    CONSTRAINT pk_title_disclosures PRIMARY KEY (event_id, field)
);

-- CACHE 1: the order of seq is the causal order of the log (a cached block breaks it).
CREATE TABLE title_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) CONSTRAINT pk_title_outbox PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT fk_title_outbox_event_id_title_events REFERENCES title_events
        CONSTRAINT uq_title_outbox_event_id UNIQUE,
    leaf_hash bytea NOT NULL
);
