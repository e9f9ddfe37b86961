"""The announced facts and the audit trail: two tables that only grow, written by the unit of work."""

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.infra.db import metadata

events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("ids", JSONB, nullable=False),
    Column("trace", Text, nullable=False),
    Column("announced_at", DateTime(timezone=True), nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("credential", Text, nullable=False),
    Column("company_id", Uuid),
    Column("member_id", Uuid),
    Column("note", Text, nullable=False),
    Column("trace", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
Index("ix_audit_log_subject", audit_log.c.subject, audit_log.c.id)
