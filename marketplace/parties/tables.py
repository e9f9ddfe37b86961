"""Rows of companies, members, sessions, API keys, grants. Row level security stands in the migration."""

from typing import Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from marketplace.infra.db import metadata

_MOMENT: Final = DateTime(timezone=True)

companies = Table(
    "companies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("legal_name", Text, nullable=False),
    Column("register_number", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("vat_id", Text),
    Column("vat_id_format_valid", Boolean, nullable=False),
    Column("address_lines", ARRAY(Text), nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("verified_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    CheckConstraint("kind in ('company', 'partner', 'operator')", name="kind"),
    CheckConstraint("zone in ('eea', 'uk', 'ch', 'other')", name="zone"),
)
# A register number proves nothing until staff looked at it, so only one *verified* company may use it: nobody can
# keep a company out by registering its number first.
Index(
    "uq_companies_verified_register_number",
    companies.c.country,
    companies.c.register_number,
    unique=True,
    postgresql_where=text("verified_at IS NOT NULL"),
)
Index(
    "uq_companies_operator",
    companies.c.kind,
    unique=True,
    postgresql_where=text("kind = 'operator'"),
)
Index(
    "ix_companies_partner",
    companies.c.id,
    postgresql_where=text("kind = 'partner' AND verified_at IS NOT NULL"),
)

company_verifications = Table(
    "company_verifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", Uuid, ForeignKey("members.id")),
    Column("decided_at", _MOMENT, nullable=False),
    CheckConstraint("decision in ('verified', 'revoked', 'lapsed')", name="decision"),
    Index("ix_company_verifications_company_id", "company_id", "id"),
)

members = Table(
    "members",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("removed_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("ix_members_company_id", "company_id", "id"),
)
Index(
    "uq_members_email",
    members.c.email,
    unique=True,
    postgresql_where=text("removed_at IS NULL"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("member_id", Uuid, ForeignKey("members.id"), nullable=False),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    Index("ix_sessions_member_id", "member_id"),
    Index("ix_sessions_expires_at", "expires_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_by", Uuid, ForeignKey("members.id")),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT),
    Column("revoked_at", _MOMENT),
    Column("replaced_by", Uuid, ForeignKey("api_keys.id")),
    Index("ix_api_keys_company_id", "company_id", "id"),
)

# Apart from the keys, so that noting a use never waits for somebody who rotates or revokes the key.
api_key_uses = Table(
    "api_key_uses",
    metadata,
    Column("key_id", Uuid, ForeignKey("api_keys.id"), primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("last_used_at", _MOMENT),
)

grants = Table(
    "grants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("partner_company_id", Uuid, ForeignKey("companies.id"), nullable=False),
    Column("all_certificates", Boolean, nullable=False),
    Column("certificate_ids", ARRAY(Uuid), nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Column("revoked_at", _MOMENT),
    CheckConstraint("all_certificates = (cardinality(certificate_ids) = 0)", name="all_or_listed"),
    Index("ix_grants_company_id", "company_id", "id"),
    Index("ix_grants_partner_company_id", "partner_company_id", "company_id", "id"),
)
