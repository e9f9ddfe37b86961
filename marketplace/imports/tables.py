"""The tables of this stage. `import_files` says which stored files imports hold, so that they can be removed."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from marketplace.infra.db import metadata

imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("normal_sha256", Text, nullable=False),
    Column("next_chunk", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("good", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
    Column("other", Integer, nullable=False),
    Column("facts", JSONB(none_as_null=True)),
    Column("refusal", JSONB(none_as_null=True)),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
    CheckConstraint(
        "state in ('received', 'reading', 'checking', 'checked', 'accepted', 'refused')",
        name="state_known",
    ),
    CheckConstraint("done = good + held + bad + other", name="every_line_counts_once"),
    CheckConstraint("done <= total", name="done_within"),
)
Index("ix_imports_company_id_id", imports.c.company_id, imports.c.id)
Index("ix_imports_sha256", imports.c.sha256)
Index("ix_imports_received_at", imports.c.received_at)

lines = Table(
    "import_lines",
    metadata,
    Column("import_id", Uuid, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("company_id", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("product", Text),
    Column("quantity", Integer),
    Column("holder", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("read", JSONB, nullable=False),
    Column("position", JSONB(none_as_null=True)),
    Column("problems", JSONB(none_as_null=True)),
    Column("notes", ARRAY(Text), nullable=False),
    CheckConstraint("outcome in ('good', 'held', 'bad', 'other')", name="outcome_known"),
)
Index("ix_import_lines_outcome", lines.c.import_id, lines.c.outcome, lines.c.number)

files = Table(
    "import_files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("removing", Boolean, nullable=False),
)
