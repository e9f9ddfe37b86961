"""Transfers and cease-use declarations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "transfers"
down_revision = "settlements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, their rights and their row security."""
    create_transfers()
    create_declarations()


def create_transfers() -> None:
    """Create transfers: seen by both sides, written by the system or within the seller's own request."""
    op.create_table(
        "transfers",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("listing_id", sa.Uuid, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("lot_id", sa.Uuid, sa.ForeignKey("title_lots.id"), nullable=False),
        sa.Column("seller_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("buyer_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("reservation_ids", ARRAY(sa.Uuid), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True)),
        sa.Column("posted_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("order_id", "lot_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("state in ('pending', 'posted', 'voided')", name="state"),
        sa.CheckConstraint("(state = 'posted') = (posted_at is not null)", name="posted_at"),
    )
    op.create_index("ix_transfers_seller_id_id", "transfers", ["seller_id", "id"])
    op.create_index("ix_transfers_buyer_id_id", "transfers", ["buyer_id", "id"])
    op.execute("GRANT SELECT, INSERT, UPDATE ON transfers TO cession_app")
    op.execute("ALTER TABLE transfers ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY both_sides_see ON transfers FOR SELECT USING "
        "((SELECT cession_scope()) IN ('staff', 'system') "
        "OR (SELECT cession_company()) IN (seller_id, buyer_id))"
    )
    op.execute(
        "CREATE POLICY seller_declares ON transfers FOR UPDATE USING "
        "((SELECT cession_scope()) = 'system' OR seller_id = (SELECT cession_company()))"
    )
    op.execute(
        "CREATE POLICY system_prepares ON transfers FOR INSERT WITH CHECK "
        "((SELECT cession_scope()) = 'system')"
    )


def create_declarations() -> None:
    """Create declarations: the seller's own, only growing."""
    op.create_table(
        "declarations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("transfer_id", sa.Uuid, sa.ForeignKey("transfers.id"), nullable=False),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("use_ended_on", sa.Date, nullable=False),
        sa.Column("statements", JSONB, nullable=False),
        sa.Column("licence_servers", JSONB, nullable=False),
        sa.Column("disclosure", sa.Text, nullable=False),
        sa.Column("signatory_name", sa.Text, nullable=False),
        sa.Column("signatory_function", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("document_sha256", sa.Text, nullable=False),
        sa.Column("signed_by", sa.Text, nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("transfer_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
    )
    op.execute(
        "CREATE TRIGGER declarations_only_grow BEFORE UPDATE OR DELETE ON declarations "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT, INSERT ON declarations TO cession_app")
    op.execute("ALTER TABLE declarations ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON declarations USING "
        "((SELECT cession_scope()) IN ('staff', 'system') OR company_id = (SELECT cession_company()))"
    )
