"""Payments that came in: facts, one per source and reference."""

import sqlalchemy as sa
from alembic import op

revision = "settlements"
down_revision = "orders"
branch_labels = None
depends_on = None

RIGHTS = """
CREATE TRIGGER payments_only_grow BEFORE UPDATE OR DELETE ON payments
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON payments TO cession_app;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_by_buyer ON payments FOR SELECT USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR buyer_id = (SELECT cession_company()));
CREATE POLICY entered_by_operator ON payments FOR INSERT WITH CHECK (
    (SELECT cession_scope()) IN ('staff', 'system'));
"""


def upgrade() -> None:
    """Create the table, its guard, rights and row security."""
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("buyer_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("received_on", sa.Date, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("source", "reference"),
        sa.CheckConstraint("amount_minor >= 0", name="amount"),
    )
    op.create_index("ix_payments_order_id", "payments", ["order_id"])
    op.execute(RIGHTS)
