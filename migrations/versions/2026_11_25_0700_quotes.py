"""Quotes: the offer never changes, its state changes once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "quotes"
down_revision = "reviews"
branch_labels = None
depends_on = None

# The application may change three columns only; this refuses a second end, whoever asks.
END_ONCE = """
CREATE FUNCTION quote_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'offered' THEN
        RAISE EXCEPTION 'quote % ended as %', OLD.id, OLD.state USING ERRCODE = 'CS001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER quotes_end_once BEFORE UPDATE ON quotes
    FOR EACH ROW EXECUTE FUNCTION quote_ends_once();
CREATE TRIGGER quotes_stay BEFORE DELETE ON quotes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE (state, ended_at, version) ON quotes TO cession_app;
ALTER TABLE quotes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON quotes USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR buyer_id = (SELECT cession_company()));
"""


def upgrade() -> None:
    """Create the table, its guards, rights and row security."""
    op.create_table(
        "quotes",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("buyer_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked", JSONB, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
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
        sa.Column("gap_minor", sa.BigInteger, nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint("state in ('offered', 'accepted', 'declined', 'expired')", name="state"),
        sa.CheckConstraint("(state = 'offered') = (ended_at is null)", name="ended_once"),
        sa.CheckConstraint("total_minor = net_minor + fee_minor + vat_minor", name="total"),
        sa.CheckConstraint("expires_at > offered_at", name="expiry"),
    )
    op.create_index("ix_quotes_buyer_id_id", "quotes", ["buyer_id", "id"])
    op.create_index(
        "ix_quotes_due", "quotes", ["expires_at"], postgresql_where=sa.text("state = 'offered'")
    )
    op.execute(END_ONCE)
    op.execute(RIGHTS)
