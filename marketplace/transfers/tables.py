"""The tables of this stage: transfers, and the signed declarations that only grow."""

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
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from marketplace.infra.db import metadata

transfers = Table(
    "transfers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("listing_id", Uuid, ForeignKey("listings.id"), nullable=False),
    Column("lot_id", Uuid, ForeignKey("title_lots.id"), nullable=False),
    Column("seller_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("buyer_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("product", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("reservation_ids", ARRAY(Uuid), nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("prepared_at", DateTime(timezone=True), nullable=False),
    Column("declared_at", DateTime(timezone=True)),
    Column("posted_at", DateTime(timezone=True)),
    UniqueConstraint("order_id", "lot_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("state in ('pending', 'posted', 'voided')", name="state"),
    CheckConstraint("(state = 'posted') = (posted_at is not null)", name="posted_at"),
)
Index("ix_transfers_seller_id_id", transfers.c.seller_id, transfers.c.id)
Index("ix_transfers_buyer_id_id", transfers.c.buyer_id, transfers.c.id)

declarations = Table(
    "declarations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("transfer_id", Uuid, ForeignKey("transfers.id"), nullable=False),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("use_ended_on", Date, nullable=False),
    Column("statements", JSONB, nullable=False),
    Column("licence_servers", JSONB, nullable=False),
    Column("disclosure", Text, nullable=False),
    Column("signatory_name", Text, nullable=False),
    Column("signatory_function", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("document_sha256", Text, nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("signed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("transfer_id"),
    CheckConstraint("quantity > 0", name="quantity"),
)
