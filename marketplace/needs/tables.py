"""The tables of this stage. Names of people stand in `need_files` only, and go with their need."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

needs = Table(
    "needs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("asked", JSONB, nullable=False),
    Column("market", JSONB, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("answer", JSONB(none_as_null=True)),
    Column("failure", JSONB(none_as_null=True)),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name="state"),
    CheckConstraint("(state = 'done') = (answer is not null)", name="answer"),
    CheckConstraint("(state = 'failed') = (failure is not null)", name="failure"),
    CheckConstraint("(state in ('done', 'failed')) = (ended_at is not null)", name="ended_at"),
    CheckConstraint("step between 0 and 3", name="step"),
    CheckConstraint("done between 0 and total", name="done"),
)
Index("ix_needs_company_id_id", needs.c.company_id, needs.c.id)

need_files = Table(
    "need_files",
    metadata,
    Column("need_id", Uuid, ForeignKey("needs.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    CheckConstraint("kind in ('names', 'problem', 'solution', 'assignment')", name="kind"),
)
