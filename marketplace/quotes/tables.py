"""The table of this stage. Asked, lines and fit are documents that never change; only the state does."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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

quotes = Table(
    "quotes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("buyer_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("asked", JSONB, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("environment", JSONB(none_as_null=True)),
    Column("fit", JSONB(none_as_null=True)),
    Column("currency", Text, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("fee_bp", Integer, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("vat_treatment", Text, nullable=False),
    Column("vat_rule", Text, nullable=False),
    Column("vat_rate_bp", Integer, nullable=False),
    Column("vat_minor", BigInteger, nullable=False),
    Column("vat_confirmed", Boolean, nullable=False),
    Column("vat_country", Text, nullable=False),
    Column("vat_on", Date, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("gap_minor", BigInteger, nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    CheckConstraint("state in ('offered', 'accepted', 'declined', 'expired')", name="state"),
    CheckConstraint("(state = 'offered') = (ended_at is null)", name="ended_once"),
    CheckConstraint("total_minor = net_minor + fee_minor + vat_minor", name="total"),
    CheckConstraint("expires_at > offered_at", name="expiry"),
)
Index("ix_quotes_buyer_id_id", quotes.c.buyer_id, quotes.c.id)
Index("ix_quotes_due", quotes.c.expires_at, postgresql_where=quotes.c.state == "offered")
