"""Reviews: what staff decided about a submitted listing, and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "reviews"
down_revision = "listings"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

# Reviews are the operator's own business; the seller reads the outcome at its listing.
ROW_SECURITY = """
ALTER TABLE reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON reviews USING (cession_scope() IN ('staff', 'system'));
GRANT SELECT, INSERT, UPDATE ON reviews TO cession_app;
"""

# A decision is taken once. Corrections are new reviews of new submissions.
GUARD_DECIDED = """
CREATE FUNCTION guard_review_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'open' THEN
        RAISE EXCEPTION 'a review is decided once' USING ERRCODE = 'CS001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_guard_decided BEFORE UPDATE ON reviews
    FOR EACH ROW EXECUTE FUNCTION guard_review_decided();
"""


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("listing_id", sa.Uuid, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column(
            "submission_id", sa.Uuid, sa.ForeignKey("listing_submissions.id"), nullable=False
        ),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("decisions", JSONB, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("decided_by", sa.Uuid, sa.ForeignKey("members.id")),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.UniqueConstraint("submission_id"),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'changes_requested', 'rejected', 'lapsed')",
            name="state_known",
        ),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
    )
    op.create_index("ix_reviews_state", "reviews", ["state", "id"])
    op.create_index("ix_reviews_listing_id", "reviews", ["listing_id"])
    op.execute(ROW_SECURITY)
    op.execute(GUARD_DECIDED)
