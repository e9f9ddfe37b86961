"""The tables of this stage: all of them only grow."""

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
    UniqueConstraint,
    Uuid,
)

from marketplace.infra.db import metadata

certificates = Table(
    "certificates",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("transfer_id", Uuid, ForeignKey("transfers.id"), nullable=False),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("holder_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("seller_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("lot_id", Uuid, ForeignKey("title_lots.id"), nullable=False),
    Column("facts", LargeBinary, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("number"),
    UniqueConstraint("code"),
    UniqueConstraint("transfer_id"),
)
Index("ix_certificates_holder_id_id", certificates.c.holder_id, certificates.c.id)
Index("ix_certificates_seller_id_id", certificates.c.seller_id, certificates.c.id)

certificate_ends = Table(
    "certificate_ends",
    metadata,
    Column("certificate_id", Uuid, ForeignKey("certificates.id"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("status in ('superseded', 'revoked')", name="status"),
)

certificate_papers = Table(
    "certificate_papers",
    metadata,
    Column("certificate_id", Uuid, ForeignKey("certificates.id"), primary_key=True),
    Column("language", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("template_version", SmallInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("rendered_at", DateTime(timezone=True), nullable=False),
)
