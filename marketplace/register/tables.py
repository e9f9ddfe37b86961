"""The register's tables. What may be written to them, and by whom, is in the migration's SQL.

Facts only grow. `title_live`, `title_active_reservations` and `title_outbox` are projections that can
be rebuilt from the facts; `title_disclosures` is the only table rows may be erased from. Companies are
opaque ids here, without a foreign key: the register must be readable when every other table is gone.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB, ExcludeConstraint

from marketplace.infra.db import metadata

_NOW: Final = text("title_now()")


def _moment(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=_NOW)


def _id(name: str, target: str = "", *, nullable: bool = False) -> Column[Any]:
    if not target:
        return Column(name, Uuid, nullable=nullable)
    return Column(name, Uuid, ForeignKey(target), nullable=nullable)


def _units() -> Column[Any]:
    return Column("units", INT4RANGE, nullable=False)


lots = Table(
    "title_lots",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("units", Integer, nullable=False),
    _id("opened_by"),
    _moment("opened_at"),
    CheckConstraint("units > 0", name="units_positive"),
)

events = Table(
    "title_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    _id("lot_id", "title_lots.id"),
    Column("body", LargeBinary, nullable=False),
    Column(
        "leaf_hash",
        LargeBinary,
        Computed("sha256('\\x00'::bytea || body)", persisted=True),
        nullable=False,
    ),
    _moment("recorded_at"),
    CheckConstraint("octet_length(body) <= 65535", name="body_size"),
    UniqueConstraint("leaf_hash"),
    Index("ix_title_events_lot_id", "lot_id"),
)

holdings = Table(
    "title_holdings",
    metadata,
    Column("id", Uuid, primary_key=True),
    _id("lot_id", "title_lots.id"),
    _units(),
    Column("kind", Text, nullable=False),
    _id("party_id", nullable=True),
    _id("created_by", "title_events.id"),
    Column("out_no", SmallInteger, nullable=False),
    _id("parent_id", "title_holdings.id", nullable=True),
    _id("origin_id", "title_holdings.id"),
    CheckConstraint("(kind = 'r') = (party_id IS NULL)", name="retired_has_no_party"),
    ForeignKeyConstraint(
        ["parent_id", "created_by"],
        ["title_spends.holding_id", "title_spends.event_id"],
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    UniqueConstraint("created_by", "out_no"),
    Index(
        "uq_title_holdings_lot_id_genesis",
        "lot_id",
        unique=True,
        postgresql_where=text("parent_id IS NULL"),
    ),
    Index("ix_title_holdings_parent_id", "parent_id"),
)

declarations = Table(
    "title_declarations",
    metadata,
    Column("event_id", Uuid, ForeignKey("title_events.id"), primary_key=True),
    _id("lot_id", "title_lots.id"),
    _id("holding_id", "title_holdings.id"),
    _id("origin_id", "title_holdings.id"),
    _id("party_id"),
    _units(),
    Index("ix_title_declarations_origin_id_units", "origin_id", "units", postgresql_using="gist"),
)

spends = Table(
    "title_spends",
    metadata,
    Column("holding_id", Uuid, ForeignKey("title_holdings.id"), primary_key=True),
    _id("event_id", "title_events.id"),
    _id("declaration_id", "title_declarations.event_id", nullable=True),
    UniqueConstraint("event_id"),
    UniqueConstraint("holding_id", "event_id"),
)

live = Table(
    "title_live",
    metadata,
    Column("holding_id", Uuid, ForeignKey("title_holdings.id"), primary_key=True),
    _id("lot_id"),
    _units(),
    Column("kind", Text, nullable=False),
    _id("party_id", nullable=True),
    ExcludeConstraint(("lot_id", "="), ("units", "&&"), name="ex_title_live_units"),
    Index("ix_title_live_lot_id_party_id", "lot_id", "party_id"),
    Index("ix_title_live_party_id", "party_id"),
)

deals = Table(
    "title_deals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lines", Integer, nullable=False),
    _id("operator_id"),
    _id("buyer_id"),
    _moment("posted_at"),
)

reservations = Table(
    "title_reservations",
    metadata,
    Column("id", Uuid, primary_key=True),
    _id("group_id"),
    Column("line_no", SmallInteger, nullable=False),
    _id("lot_id", "title_lots.id"),
    _units(),
    _id("holder_id"),
    _id("buyer_id"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    _moment("reserved_at"),
    Index("ix_title_reservations_group_id", "group_id"),
)

reservation_extensions = Table(
    "title_reservation_extensions",
    metadata,
    Column("reservation_id", Uuid, ForeignKey("title_reservations.id"), primary_key=True),
    Column("expires_at", DateTime(timezone=True), primary_key=True),
    _moment("extended_at"),
)

reservation_ends = Table(
    "title_reservation_ends",
    metadata,
    Column("reservation_id", Uuid, ForeignKey("title_reservations.id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    _id("event_id", "title_events.id", nullable=True),
    _id("deal_id", "title_deals.id", nullable=True),
    _moment("ended_at"),
    Index("ix_title_reservation_ends_deal_id", "deal_id"),
)

active_reservations = Table(
    "title_active_reservations",
    metadata,
    Column("reservation_id", Uuid, ForeignKey("title_reservations.id"), primary_key=True),
    _id("lot_id"),
    _units(),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    ExcludeConstraint(("lot_id", "="), ("units", "&&"), name="ex_title_active_reservations_units"),
    Index("ix_title_active_reservations_lot_id", "lot_id"),
    Index("ix_title_active_reservations_expires_at", "expires_at"),
)

holds = Table(
    "title_holds",
    metadata,
    Column("id", Uuid, primary_key=True),
    _id("lot_id", "title_lots.id"),
    _units(),
    Column("reason", Text, nullable=False),
    _id("placed_by", nullable=True),
    _id("event_id", "title_events.id"),
    _moment("placed_at"),
    UniqueConstraint("event_id"),
    Index("ix_title_holds_lot_id", "lot_id"),
)

hold_ends = Table(
    "title_hold_ends",
    metadata,
    Column("hold_id", Uuid, ForeignKey("title_holds.id"), primary_key=True),
    _id("event_id", "title_events.id"),
    _id("lifted_by", nullable=True),
    _moment("lifted_at"),
    UniqueConstraint("event_id"),
)

disclosures = Table(
    "title_disclosures",
    metadata,
    Column("event_id", Uuid, ForeignKey("title_events.id"), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("value", JSONB, nullable=False),
)

outbox = Table(
    "title_outbox",
    metadata,
    Column("seq", BigInteger, Identity(always=True, cache=1), primary_key=True),
    _id("event_id", "title_events.id"),
    Column("leaf_hash", LargeBinary, nullable=False),
    UniqueConstraint("event_id"),
)
