"""The table of reviews; staff and the system only (row level security in the migration)."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("listing_id", Uuid, ForeignKey("listings.id"), nullable=False),
    Column("submission_id", Uuid, ForeignKey("listing_submissions.id"), nullable=False),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("decisions", JSONB, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("decided_by", Uuid, ForeignKey("members.id")),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    UniqueConstraint("submission_id"),
    CheckConstraint(
        "state IN ('open', 'approved', 'changes_requested', 'rejected', 'lapsed')",
        name="state_known",
    ),
    CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
)
Index("ix_reviews_state", reviews.c.state, reviews.c.id)
Index("ix_reviews_listing_id", reviews.c.listing_id)
