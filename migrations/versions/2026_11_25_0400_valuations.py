"""Requested valuations and nightly product values."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "valuations"
down_revision = "register"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, their rights and their row security."""
    op.create_table(
        "valuations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("value", JSONB),
        sa.Column("reason", sa.Text),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("state in ('pending', 'computed', 'no_estimate')", name="state"),
        sa.CheckConstraint("(state = 'computed') = (value is not null)", name="value"),
        sa.CheckConstraint("(state = 'no_estimate') = (reason is not null)", name="reason"),
        sa.CheckConstraint("(state = 'pending') = (computed_at is null)", name="computed_at"),
    )
    op.create_index("ix_valuations_company_id_id", "valuations", ["company_id", "id"])
    op.execute("GRANT SELECT, INSERT, UPDATE ON valuations TO cession_app")
    op.execute("ALTER TABLE valuations ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON valuations USING "
        "((SELECT cession_scope()) IN ('staff', 'system') OR company_id = (SELECT cession_company()))"
    )
    op.create_table(
        "product_values",
        sa.Column("product", sa.Text, primary_key=True),
        sa.Column("as_of_on", sa.Date, primary_key=True),
        sa.Column("value", JSONB, nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(
        "CREATE TRIGGER product_values_only_grow BEFORE UPDATE OR DELETE ON product_values "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT, INSERT ON product_values TO cession_app")
