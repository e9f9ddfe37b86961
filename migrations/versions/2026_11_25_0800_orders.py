"""Orders and their lines: one order per quote, lines never change, the state moves along its table."""

import sqlalchemy as sa
from alembic import op

revision = "orders"
down_revision = "quotes"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION order_moves_along() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('placed', 'paid'), ('placed', 'cancelled'), ('paid', 'fulfilled'), ('paid', 'disputed'),
        ('fulfilled', 'closed'), ('fulfilled', 'disputed'), ('disputed', 'fulfilled'),
        ('disputed', 'closed'), ('disputed', 'cancelled'))
    THEN
        RAISE EXCEPTION 'order % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'CS001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_move_along BEFORE UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION order_moves_along();
CREATE TRIGGER orders_stay BEFORE DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_lines_only_grow BEFORE UPDATE OR DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

RIGHTS = """
GRANT USAGE ON SEQUENCE order_numbers TO cession_app;
GRANT SELECT, INSERT, UPDATE (state, paid_at, changed_at, version) ON orders TO cession_app;
GRANT SELECT, INSERT ON order_lines TO cession_app;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON orders USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR buyer_id = (SELECT cession_company()));
CREATE POLICY own_rows ON order_lines USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR buyer_id = (SELECT cession_company()));
"""


def upgrade() -> None:
    """Create the tables, their guards, rights and row security."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("order_numbers")))
    create_orders()
    create_order_lines()
    op.execute(GUARDS)
    op.execute(RIGHTS)


def create_orders() -> None:
    """Create the contracts."""
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("quote_id", sa.Uuid, sa.ForeignKey("quotes.id"), nullable=False),
        sa.Column("buyer_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("net_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_bp", sa.Integer, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, nullable=False),
        sa.Column("vat_treatment", sa.Text, nullable=False),
        sa.Column("vat_rule", sa.Text, nullable=False),
        sa.Column("vat_rate_bp", sa.Integer, nullable=False),
        sa.Column("vat_minor", sa.BigInteger, nullable=False),
        sa.Column("vat_confirmed", sa.Boolean, nullable=False),
        sa.Column("vat_country", sa.Text, nullable=False),
        sa.Column("vat_on", sa.Date, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True)),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("quote_id"),
        sa.CheckConstraint(
            "state in ('placed', 'paid', 'fulfilled', 'closed', 'cancelled', 'disputed')",
            name="state",
        ),
        sa.CheckConstraint("total_minor = net_minor + fee_minor + vat_minor", name="total"),
        sa.CheckConstraint(
            "state not in ('paid', 'fulfilled') or paid_at is not null", name="paid_when_paid"
        ),
    )
    op.create_index("ix_orders_buyer_id_id", "orders", ["buyer_id", "id"])
    op.create_index(
        "ix_orders_due", "orders", ["payment_due_at"], postgresql_where=sa.text("state = 'placed'")
    )


def create_order_lines() -> None:
    """Create their lines, one per lot."""
    op.create_table(
        "order_lines",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("buyer_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.SmallInteger, nullable=False),
        sa.Column("asked", sa.SmallInteger, nullable=False),
        sa.Column("listing_id", sa.Uuid, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("lot_id", sa.Uuid, sa.ForeignKey("title_lots.id"), nullable=False),
        sa.Column("seller_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("product_version", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("reservation_ids", sa.ARRAY(sa.Uuid), nullable=False),
        sa.Column("reason_rule", sa.Text),
        sa.Column("reason_text", sa.Text),
        sa.UniqueConstraint("order_id", "position"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("amount_minor = quantity * unit_price_minor", name="amount"),
    )
    op.create_index("ix_order_lines_lot_id", "order_lines", ["lot_id"])
