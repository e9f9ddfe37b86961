"""Needs: what a company asked, its answer, and the files with names that go with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "needs"
down_revision = "imports"
branch_labels = None
depends_on = None

# What was asked and the prices of that day never change; an answer stays as it was given. Deleting is the company's
# right: the names of its people are personal data.
END_ONCE = """
CREATE FUNCTION need_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'need % has ended as %', OLD.id, OLD.state USING ERRCODE = 'CS001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER needs_end_once BEFORE UPDATE ON needs
    FOR EACH ROW EXECUTE FUNCTION need_ends_once();
"""

RIGHTS = """
GRANT SELECT, INSERT, DELETE, UPDATE (state, step, done, total, answer, failure, ended_at, version)
    ON needs TO cession_app;
ALTER TABLE needs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON needs USING (
    (SELECT cession_scope()) IN ('staff', 'system') OR company_id = (SELECT cession_company()));

GRANT SELECT, INSERT, DELETE ON need_files TO cession_app;
ALTER TABLE need_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON need_files USING (
    (SELECT cession_scope()) = 'system'
    OR EXISTS (
        SELECT FROM needs n
        WHERE n.id = need_files.need_id AND n.company_id = (SELECT cession_company())
    )
);
"""


def upgrade() -> None:
    """Create the tables, their guard, rights and row security."""
    op.create_table(
        "needs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked", JSONB, nullable=False),
        sa.Column("market", JSONB, nullable=False),
        sa.Column("step", sa.SmallInteger, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("answer", JSONB),
        sa.Column("failure", JSONB),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name="state"),
        sa.CheckConstraint("(state = 'done') = (answer is not null)", name="answer"),
        sa.CheckConstraint("(state = 'failed') = (failure is not null)", name="failure"),
        sa.CheckConstraint(
            "(state in ('done', 'failed')) = (ended_at is not null)", name="ended_at"
        ),
        sa.CheckConstraint("step between 0 and 3", name="step"),
        sa.CheckConstraint("done between 0 and total", name="done"),
    )
    op.create_index("ix_needs_company_id_id", "needs", ["company_id", "id"])
    op.create_table(
        "need_files",
        sa.Column(
            "need_id",
            sa.Uuid,
            sa.ForeignKey("needs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("kind in ('names', 'problem', 'solution', 'assignment')", name="kind"),
    )
    op.execute(END_ONCE)
    op.execute(RIGHTS)
