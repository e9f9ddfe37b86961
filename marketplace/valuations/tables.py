"""The tables of this stage: requested valuations, and the nightly value of every product."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

valuations = Table(
    "valuations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("product", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("value", JSONB(none_as_null=True)),
    Column("reason", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("computed_at", DateTime(timezone=True)),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("state in ('pending', 'computed', 'no_estimate')", name="state"),
    CheckConstraint("(state = 'computed') = (value is not null)", name="value"),
    CheckConstraint("(state = 'no_estimate') = (reason is not null)", name="reason"),
    CheckConstraint("(state = 'pending') = (computed_at is null)", name="computed_at"),
)
Index("ix_valuations_company_id_id", valuations.c.company_id, valuations.c.id)

product_values = Table(
    "product_values",
    metadata,
    Column("product", Text, primary_key=True),
    Column("as_of_on", Date, primary_key=True),
    Column("value", JSONB, nullable=False),
    Column("computed_at", DateTime(timezone=True), nullable=False),
)
