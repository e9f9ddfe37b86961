"""Listings with their submissions and papers; the two views through which others see what is on sale."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "listings"
down_revision = "valuations"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STATES = "'draft', 'submitted', 'changes_requested', 'rejected', 'published', 'sold_out', 'withdrawn', 'expired'"
PRODUCTS = (
    (),
    ("family",),
    ("family", "metric"),
    ("family", "cal_version"),
    ("family", "cal_version", "metric"),
)

# Nobody but the seller, staff and the system sees a row here: the market looks through the views
# below.
ROW_SECURITY = """
ALTER TABLE listings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON listings
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE listing_submissions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON listing_submissions
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE listing_evidence ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON listing_evidence
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
"""

# A view reads its table with the rights of the view's owner, so row security does not apply inside
# it: these two say themselves what they show. What is not a column here (agreement number, papers,
# reviewer's note, seller) cannot be asked for. No security barrier: it would only matter to somebody
# who can write SQL as cession_app, and it keeps the planner from reading an index in order of price
# (measured: a page of 20 out of 100,000 took 76 ms with it, 0.1 ms without).
VIEWS = """
CREATE VIEW catalogue AS
    SELECT id, version, family, cal_version, metric, programme, segment, restricted, first_sold_in,
        extract(year FROM first_sold_on)::integer AS first_sold_year, unit_size, available_quantity,
        unit_price_minor, currency, smallest_quantity, expires_at, seller_country, labels, published_at
    FROM listings WHERE on_sale AND expires_at > now();
CREATE VIEW offers AS
    SELECT id, lot_id, company_id, family, cal_version, metric, programme, segment, restricted, first_sold_in,
        first_sold_on, unit_size, available_quantity, unit_price_minor, currency, smallest_quantity
    FROM listings WHERE on_sale AND expires_at > now() AND cession_scope() <> 'public';
"""

# The application could forget who decides; the database does not.
GUARD_DECISION = """
CREATE FUNCTION guard_listing_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IN ('published', 'rejected', 'changes_requested') AND NEW.state <> OLD.state
        AND cession_scope() NOT IN ('staff', 'system')
    THEN
        RAISE EXCEPTION 'only staff decide on a listing' USING ERRCODE = 'CS002';
    END IF;
    IF NEW.company_id <> OLD.company_id OR (OLD.lot_id IS NOT NULL AND NEW.lot_id IS DISTINCT FROM OLD.lot_id) THEN
        RAISE EXCEPTION 'a listing keeps its seller and its lot' USING ERRCODE = 'CS002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER listings_guard_decision BEFORE UPDATE ON listings
    FOR EACH ROW EXECUTE FUNCTION guard_listing_decision();
CREATE TRIGGER listing_submissions_only_grow BEFORE UPDATE OR DELETE ON listing_submissions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER listing_evidence_only_grow BEFORE UPDATE OR DELETE ON listing_evidence
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

# Called inside a buyer's purchase, which may not see the seller's row: it may tell the register's
# numbers and no more. `p_left` are units the seller still holds, reserved ones included; without any
# the listing is sold out. Rows are locked in order of id, so that two purchases or a purchase and the
# nightly valuation cannot wait for each other. `returned`: the listing had ended, and units that were
# promised then are free now.
UNITS_CHANGED = """
CREATE FUNCTION listing_units_changed(
    p_lots uuid[], p_free integer[], p_left integer[], p_now timestamptz)
RETURNS TABLE (listing_id uuid, became text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH told AS (
        SELECT l.id, l.state, least(u.free, l.offered) AS free, u.left_over
            FROM listings l JOIN unnest(p_lots, p_free, p_left) AS u (lot, free, left_over)
                ON l.lot_id = u.lot
            WHERE l.state IN ('published', 'withdrawn', 'expired')
            ORDER BY l.id FOR NO KEY UPDATE OF l
    ), changed AS (
        UPDATE listings l
            SET available_quantity = t.free, version = l.version + 1, changed_at = p_now,
                state = CASE WHEN t.left_over = 0 THEN 'sold_out' ELSE l.state END,
                ended_at = CASE WHEN t.left_over = 0 THEN p_now ELSE l.ended_at END
            FROM told t
            WHERE l.id = t.id AND t.state = 'published'
                AND (l.available_quantity <> t.free OR t.left_over = 0)
            RETURNING l.id, l.state
    )
    SELECT id, state FROM changed WHERE state = 'sold_out'
    UNION ALL
    SELECT id, 'returned' FROM told WHERE state <> 'published' AND free > 0
$$;
REVOKE ALL ON FUNCTION listing_units_changed(uuid[], integer[], integer[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION listing_units_changed(uuid[], integer[], integer[], timestamptz) TO cession_app;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON listings TO cession_app;
GRANT SELECT, INSERT ON listing_submissions, listing_evidence TO cession_app;
GRANT SELECT ON catalogue, offers TO cession_app;
"""


def upgrade() -> None:
    create_listings()
    create_market_indexes()
    create_papers()
    for script in (ROW_SECURITY, VIEWS, GUARD_DECISION, UNITS_CHANGED, GRANTS):
        op.execute(script)


def create_listings() -> None:
    """Create the offers of sellers."""
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("position", JSONB, nullable=False),
        sa.Column("position_key", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("cal_version", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("programme", sa.Text, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("restricted", sa.Boolean, nullable=False),
        sa.Column("first_sold_in", sa.Text, nullable=False),
        sa.Column("first_sold_on", sa.Date),
        sa.Column("unit_size", sa.Integer, nullable=False),
        sa.Column("offered", sa.Integer, nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("smallest_quantity", sa.Integer, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("seller_country", sa.Text, nullable=False),
        sa.Column("available_quantity", sa.Integer, nullable=False),
        sa.Column("committed_quantity", sa.Integer, nullable=False),
        sa.Column("lot_id", sa.Uuid),
        sa.Column("submission_id", sa.Uuid),
        sa.Column("labels", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("value", JSONB),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("submitted_at", MOMENT),
        sa.Column("published_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column(
            "on_sale",
            sa.Boolean,
            sa.Computed("state = 'published'::text AND available_quantity > 0", persisted=True),
        ),
        sa.UniqueConstraint("lot_id"),
        sa.CheckConstraint(f"state IN ({STATES})", name="state_known"),
        sa.CheckConstraint("unit_price_minor > 0", name="price_positive"),
        sa.CheckConstraint(
            "offered > 0 AND smallest_quantity BETWEEN 1 AND offered", name="quantities"
        ),
        sa.CheckConstraint("available_quantity BETWEEN 0 AND offered", name="available_within"),
        sa.CheckConstraint("committed_quantity BETWEEN 0 AND offered", name="committed_within"),
        sa.CheckConstraint(
            "state NOT IN ('published', 'sold_out') OR (lot_id IS NOT NULL AND first_sold_on IS NOT NULL)",
            name="published_has_lot",
        ),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_listings_company_id", "listings", ["company_id", "id"])
    op.create_index(
        "ix_listings_position",
        "listings",
        ["position_key", "company_id"],
        postgresql_where=sa.text("committed_quantity > 0"),
    )
    op.create_index(
        "ix_listings_expires_at",
        "listings",
        ["expires_at"],
        postgresql_where=sa.text("state IN ('submitted', 'published')"),
    )


def create_market_indexes() -> None:
    """Create one index per combination of equality filters: each gives its rows in order of price.

    A row enters them when it goes on sale and leaves them when it ends; a reservation that leaves
    some units free touches none of them.
    """
    for product in PRODUCTS:
        for country in ((), ("first_sold_in",)):
            facet = (*product, *country)
            op.create_index(
                "_".join(("ix_listings_sale", *(name[:3] for name in facet))),
                "listings",
                [*facet, "unit_price_minor", "id"],
                postgresql_where=sa.text("on_sale"),
            )


def create_papers() -> None:
    """Create what was submitted, and the papers; both only grow."""
    op.create_table(
        "listing_submissions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("listing_id", sa.Uuid, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("position", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("rule_set_version", sa.Text, nullable=False),
        sa.Column("submitted_at", MOMENT, nullable=False),
    )
    op.create_index("ix_listing_submissions_listing_id", "listing_submissions", ["listing_id"])
    op.create_table(
        "listing_evidence",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("listing_id", sa.Uuid, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("uploaded_at", MOMENT, nullable=False),
        sa.UniqueConstraint("listing_id", "kind", "sha256"),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
    )
