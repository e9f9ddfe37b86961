"""The tables of this stage: orders, whose state moves, and their lines, which are facts."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from marketplace.infra.db import metadata

STATES = ("placed", "paid", "fulfilled", "closed", "cancelled", "disputed")

order_numbers = Sequence("order_numbers", metadata=metadata)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Text, nullable=False),
    Column("quote_id", Uuid, ForeignKey("quotes.id"), nullable=False),
    Column("buyer_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("state", Text, nullable=False),
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
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("payment_due_at", DateTime(timezone=True), nullable=False),
    Column("paid_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("number"),
    # One order per quote, whatever races for it.
    UniqueConstraint("quote_id"),
    CheckConstraint(
        "state in ('placed', 'paid', 'fulfilled', 'closed', 'cancelled', 'disputed')", name="state"
    ),
    CheckConstraint("total_minor = net_minor + fee_minor + vat_minor", name="total"),
    CheckConstraint(
        "state not in ('paid', 'fulfilled') or paid_at is not null", name="paid_when_paid"
    ),
)
Index("ix_orders_buyer_id_id", orders.c.buyer_id, orders.c.id)
Index("ix_orders_due", orders.c.payment_due_at, postgresql_where=orders.c.state == "placed")

order_lines = Table(
    "order_lines",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("buyer_id", Uuid, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("asked", SmallInteger, nullable=False),
    Column("listing_id", Uuid, ForeignKey("listings.id"), nullable=False),
    Column("lot_id", Uuid, ForeignKey("title_lots.id"), nullable=False),
    Column("seller_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("family", Text, nullable=False),
    Column("product_version", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reservation_ids", ARRAY(Uuid), nullable=False),
    Column("reason_rule", Text),
    Column("reason_text", Text),
    UniqueConstraint("order_id", "position"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("amount_minor = quantity * unit_price_minor", name="amount"),
)
Index("ix_order_lines_lot_id", order_lines.c.lot_id)
