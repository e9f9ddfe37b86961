"""Quotes keep the environment a buyer described and how the licences fit it; both never change, like the offer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "quote_fit"
down_revision = "certificates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns; the release before leaves them empty. Rights and row security are those of the table."""
    op.add_column("quotes", sa.Column("environment", JSONB))
    op.add_column("quotes", sa.Column("fit", JSONB))
