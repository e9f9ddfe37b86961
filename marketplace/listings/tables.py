"""Tables of this stage. The public catalogue is a view, so that what is secret has no way out (see the migration)."""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    table,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

STATES: Final = "'draft', 'submitted', 'changes_requested', 'rejected', 'published', 'sold_out', 'withdrawn', 'expired'"

FACETS: Final = tuple(
    (*product, *country)
    for product in (
        (),
        ("family",),
        ("family", "metric"),
        ("family", "cal_version"),
        ("family", "cal_version", "metric"),
    )
    for country in ((), ("first_sold_in",))
)
"""Every combination of equality filters of the catalogue; each has an index that gives its rows in order of price."""

listings = Table(
    "listings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", JSONB, nullable=False),
    Column("position_key", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("cal_version", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("programme", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("restricted", Boolean, nullable=False),
    Column("first_sold_in", Text, nullable=False),
    Column("first_sold_on", Date),
    Column("unit_size", Integer, nullable=False),
    Column("offered", Integer, nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("smallest_quantity", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("seller_country", Text, nullable=False),
    Column("available_quantity", Integer, nullable=False),
    Column("committed_quantity", Integer, nullable=False),
    Column("lot_id", Uuid),
    Column("submission_id", Uuid),
    Column("labels", ARRAY(Text), nullable=False),
    Column("note", Text, nullable=False),
    Column("value", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("submitted_at", DateTime(timezone=True)),
    Column("published_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column(
        "on_sale",
        Boolean,
        Computed("state = 'published'::text AND available_quantity > 0", persisted=True),
    ),
    UniqueConstraint("lot_id"),
    CheckConstraint(f"state IN ({STATES})", name="state_known"),
    CheckConstraint("unit_price_minor > 0", name="price_positive"),
    CheckConstraint("offered > 0 AND smallest_quantity BETWEEN 1 AND offered", name="quantities"),
    CheckConstraint("available_quantity BETWEEN 0 AND offered", name="available_within"),
    CheckConstraint("committed_quantity BETWEEN 0 AND offered", name="committed_within"),
    CheckConstraint(
        "state NOT IN ('published', 'sold_out') OR (lot_id IS NOT NULL AND first_sold_on IS NOT NULL)",
        name="published_has_lot",
    ),
    # Reservations change the free quantity often: room in the page lets PostgreSQL skip the indexes
    # (HOT).
    postgresql_with={"fillfactor": "80"},
)
Index("ix_listings_company_id", listings.c.company_id, listings.c.id)
Index(
    "ix_listings_position",
    listings.c.position_key,
    listings.c.company_id,
    postgresql_where=sql("committed_quantity > 0"),
)
Index(
    "ix_listings_expires_at",
    listings.c.expires_at,
    postgresql_where=sql("state IN ('submitted', 'published')"),
)
for facet in FACETS:
    Index(
        "_".join(("ix_listings_sale", *(name[:3] for name in facet))),
        *(listings.c[name] for name in facet),
        listings.c.unit_price_minor,
        listings.c.id,
        postgresql_where=sql("on_sale"),
    )

submissions = Table(
    "listing_submissions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("listing_id", Uuid, ForeignKey("listings.id"), nullable=False),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("position", JSONB, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("rule_set_version", Text, nullable=False),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
)
Index("ix_listing_submissions_listing_id", submissions.c.listing_id)

evidence = Table(
    "listing_evidence",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("listing_id", Uuid, ForeignKey("listings.id"), nullable=False),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("uploaded_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("listing_id", "kind", "sha256"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
)

catalogue = table(
    "catalogue",
    column("id", Uuid),
    column("version", Integer),
    column("family", Text),
    column("cal_version", Text),
    column("metric", Text),
    column("programme", Text),
    column("segment", Text),
    column("restricted", Boolean),
    column("first_sold_in", Text),
    column("first_sold_year", Integer),
    column("unit_size", Integer),
    column("available_quantity", Integer),
    column("unit_price_minor", BigInteger),
    column("currency", Text),
    column("smallest_quantity", Integer),
    column("expires_at", DateTime(timezone=True)),
    column("seller_country", Text),
    column("labels", ARRAY(Text)),
    column("published_at", DateTime(timezone=True)),
)
"""A view: published, unexpired listings, and of them only what anybody may know."""
