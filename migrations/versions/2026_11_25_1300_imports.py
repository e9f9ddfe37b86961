"""Imports: files with many lines, what was found on each line, and which stored files they hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "imports"
down_revision = "quote_fit"
branch_labels = None
depends_on = None

# An import may hold names of people, so unlike most rows it may be deleted. Its lines never change.
RIGHTS = """
GRANT SELECT, INSERT, DELETE ON imports, import_lines TO cession_app;
GRANT UPDATE (state, version, normal_sha256, next_chunk, total, done, good, held, bad, other, facts,
    refusal, ended_at) ON imports TO cession_app;
ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON imports USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR company_id = (SELECT cession_company()));
ALTER TABLE import_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON import_lines USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR company_id = (SELECT cession_company()));
GRANT SELECT, INSERT, DELETE ON import_files TO cession_app;
GRANT UPDATE (removing) ON import_files TO cession_app;
ALTER TABLE import_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY ours ON import_files USING ((SELECT cession_scope()) = 'system');
"""


def upgrade() -> None:
    """Create the tables, their rights and row security."""
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("normal_sha256", sa.Text, nullable=False),
        sa.Column("next_chunk", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("good", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("bad", sa.Integer, nullable=False),
        sa.Column("other", sa.Integer, nullable=False),
        sa.Column("facts", JSONB),
        sa.Column("refusal", JSONB),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
        sa.CheckConstraint(
            "state in ('received', 'reading', 'checking', 'checked', 'accepted', 'refused')",
            name="state_known",
        ),
        sa.CheckConstraint("done = good + held + bad + other", name="every_line_counts_once"),
        sa.CheckConstraint("done <= total", name="done_within"),
    )
    op.create_index("ix_imports_company_id_id", "imports", ["company_id", "id"])
    op.create_index("ix_imports_sha256", "imports", ["sha256"])
    op.create_index("ix_imports_received_at", "imports", ["received_at"])
    op.create_table(
        "import_lines",
        sa.Column(
            "import_id",
            sa.Uuid,
            sa.ForeignKey("imports.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("company_id", sa.Uuid, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("quantity", sa.Integer),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("read", JSONB, nullable=False),
        sa.Column("position", JSONB),
        sa.Column("problems", JSONB),
        sa.Column("notes", ARRAY(sa.Text), nullable=False),
        sa.CheckConstraint("outcome in ('good', 'held', 'bad', 'other')", name="outcome_known"),
    )
    op.create_index("ix_import_lines_outcome", "import_lines", ["import_id", "outcome", "number"])
    op.create_table(
        "import_files",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("removing", sa.Boolean, nullable=False),
    )
    op.execute(RIGHTS)
