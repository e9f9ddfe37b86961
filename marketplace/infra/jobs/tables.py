"""The `jobs` table. See `ledger.py` for what the states mean and who moves a row between them."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("queue", Text, nullable=False, server_default=text("'default'")),
    Column("actor", Text, nullable=False),
    Column("args", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("run_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("lease_until", DateTime(timezone=True)),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("deliveries", SmallInteger, nullable=False, server_default=text("0")),
    # Compared byte by byte, so that the keys of one schedule are a range of the unique index.
    Column("dedup_key", Text(collation="C")),
    Column("event_id", Uuid),
    Column("trace", Text, nullable=False, server_default=text("''")),
    Column("worker", Text),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("finished_at", DateTime(timezone=True)),
    UniqueConstraint("dedup_key"),
    CheckConstraint("state between 0 and 4", name="state"),
    # Each row is rewritten two or three times in its life: room in the page and eager vacuuming
    # keep the table and its small partial indexes from growing with history.
    postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.01"},
)

Index("ix_jobs_ready", jobs.c.queue, jobs.c.run_at, postgresql_where=text("state = 0"))
Index("ix_jobs_leased", jobs.c.lease_until, postgresql_where=text("state in (1, 4)"))
Index("ix_jobs_dead", jobs.c.id, postgresql_where=text("state = 3"))
