"""Companies, members, sessions, API keys, grants; row level security; the function that opens a request."""

import sqlalchemy as sa
from alembic import op

revision = "parties"
down_revision = "infra"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

# A caller sees its own company. Everybody sees the operator: it is the other side of every contract.
ROW_SECURITY = """
ALTER TABLE companies ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON companies
    USING (cession_scope() IN ('staff', 'system') OR id = cession_company());
CREATE POLICY operator_is_known ON companies FOR SELECT USING (kind = 'operator');

ALTER TABLE company_verifications ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON company_verifications
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON members
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sessions
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api_keys
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
ALTER TABLE api_key_uses ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON api_key_uses
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());

-- A partner may read the grants that name it, and change none.
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON grants
    USING (cession_scope() IN ('staff', 'system') OR company_id = cession_company());
CREATE POLICY received ON grants FOR SELECT USING (partner_company_id = cession_company());
"""

# The application could forget the rule; the database does not: only staff make a company tradable.
GUARD_VERIFICATION = """
CREATE FUNCTION guard_verification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'a company keeps its kind' USING ERRCODE = 'CS002';
    END IF;
    IF NEW.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at
        AND cession_scope() NOT IN ('staff', 'system')
    THEN
        RAISE EXCEPTION 'only staff verify a company' USING ERRCODE = 'CS002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER companies_guard_verification BEFORE UPDATE ON companies
    FOR EACH ROW EXECUTE FUNCTION guard_verification();
CREATE TRIGGER company_verifications_only_grow BEFORE UPDATE OR DELETE ON company_verifications
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

# One statement opens a request: who holds this token, and what row level security shall see. It runs as the owner,
# because before it has run nobody may see a key or a session.
OPEN_SESSION = """
CREATE FUNCTION open_session(
    p_token_hash bytea, p_now timestamptz, OUT credential_kind text, OUT credential_id uuid,
    OUT company_id uuid, OUT company_kind text, OUT member_id uuid, OUT roles text[],
    OUT scopes text[], OUT verified boolean
) RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE last_used timestamptz;
BEGIN
    SELECT 'key', k.id, c.id, c.kind, k.scopes, c.verified_at IS NOT NULL, u.last_used_at
        INTO credential_kind, credential_id, company_id, company_kind, scopes, verified, last_used
        FROM public.api_keys k
        JOIN public.companies c ON c.id = k.company_id
        JOIN public.api_key_uses u ON u.key_id = k.id
        WHERE k.token_hash = p_token_hash AND k.revoked_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > p_now);
    IF FOUND THEN
        IF last_used IS NULL OR last_used <= p_now - interval '1 minute' THEN
            -- Whoever finds the row locked leaves the note to the one who holds it: nobody waits.
            UPDATE public.api_key_uses u SET last_used_at = p_now
                FROM (SELECT i.key_id FROM public.api_key_uses i
                      WHERE i.key_id = credential_id
                          AND (i.last_used_at IS NULL OR i.last_used_at <= p_now - interval '1 minute')
                      FOR UPDATE SKIP LOCKED) free
                WHERE u.key_id = free.key_id;
        END IF;
    ELSE
        SELECT 'session', s.id, c.id, c.kind, m.id, m.roles, c.verified_at IS NOT NULL
            INTO credential_kind, credential_id, company_id, company_kind, member_id, roles, verified
            FROM public.sessions s
            JOIN public.members m ON m.id = s.member_id
            JOIN public.companies c ON c.id = s.company_id
            WHERE s.token_hash = p_token_hash AND s.ended_at IS NULL AND s.expires_at > p_now
                AND m.removed_at IS NULL;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- Staff are persons: a key never sees more than its company.
    PERFORM set_config('cession.scope',
        CASE WHEN company_kind = 'operator' AND member_id IS NOT NULL THEN 'staff' ELSE 'company' END, true);
    PERFORM set_config('cession.company', company_id::text, true);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION open_session(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_session(bytea, timestamptz) TO cession_app;
"""

GRANTS = """
GRANT SELECT, INSERT ON companies, company_verifications, members, sessions, api_keys, api_key_uses, grants
    TO cession_app;
GRANT UPDATE (legal_name, register_number, country, vat_id, vat_id_format_valid, address_lines, postcode, city, zone,
    verified_at, version) ON companies TO cession_app;
GRANT UPDATE (name, roles, password_hash, removed_at, version) ON members TO cession_app;
GRANT UPDATE (ended_at), DELETE ON sessions TO cession_app;
GRANT UPDATE (expires_at, revoked_at, replaced_by) ON api_keys TO cession_app;
GRANT UPDATE (revoked_at) ON grants TO cession_app;
"""


def upgrade() -> None:
    """Create the room of the parties."""
    create_companies()
    create_members()
    create_credentials()
    create_grants()
    op.execute(ROW_SECURITY)
    op.execute(GUARD_VERIFICATION)
    op.execute(OPEN_SESSION)
    op.execute(GRANTS)


def create_companies() -> None:
    """Create the companies."""
    op.create_table(
        "companies",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("legal_name", sa.Text, nullable=False),
        sa.Column("register_number", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("vat_id", sa.Text),
        sa.Column("vat_id_format_valid", sa.Boolean, nullable=False),
        sa.Column("address_lines", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("postcode", sa.Text, nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("verified_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind in ('company', 'partner', 'operator')", name="kind"),
        sa.CheckConstraint("zone in ('eea', 'uk', 'ch', 'other')", name="zone"),
    )
    op.create_index(
        "uq_companies_verified_register_number",
        "companies",
        ["country", "register_number"],
        unique=True,
        postgresql_where=sa.text("verified_at IS NOT NULL"),
    )
    op.create_index(
        "uq_companies_operator",
        "companies",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("kind = 'operator'"),
    )
    op.create_index(
        "ix_companies_partner",
        "companies",
        ["id"],
        postgresql_where=sa.text("kind = 'partner' AND verified_at IS NOT NULL"),
    )


def create_members() -> None:
    """Create the members, and the history of verifications that names them."""
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("ix_members_company_id", "members", ["company_id", "id"])
    op.create_index(
        "uq_members_email",
        "members",
        ["email"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "company_verifications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Uuid, sa.ForeignKey("members.id")),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.CheckConstraint("decision in ('verified', 'revoked', 'lapsed')", name="decision"),
    )
    op.create_index(
        "ix_company_verifications_company_id", "company_verifications", ["company_id", "id"]
    )


def create_credentials() -> None:
    """Create sessions of people and keys of machines; both hold only the hash of their secret."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("member_id", sa.Uuid, sa.ForeignKey("members.id"), nullable=False),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_sessions_member_id", "sessions", ["member_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("created_by", sa.Uuid, sa.ForeignKey("members.id")),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("replaced_by", sa.Uuid, sa.ForeignKey("api_keys.id")),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_api_keys_company_id", "api_keys", ["company_id", "id"])
    op.create_table(
        "api_key_uses",
        sa.Column("key_id", sa.Uuid, sa.ForeignKey("api_keys.id"), primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("last_used_at", MOMENT),
    )


def create_grants() -> None:
    """Create the grants."""
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("partner_company_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("all_certificates", sa.Boolean, nullable=False),
        sa.Column("certificate_ids", sa.ARRAY(sa.Uuid), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.CheckConstraint(
            "all_certificates = (cardinality(certificate_ids) = 0)", name="all_or_listed"
        ),
    )
    op.create_index("ix_grants_company_id", "grants", ["company_id", "id"])
    op.create_index(
        "ix_grants_partner_company_id", "grants", ["partner_company_id", "company_id", "id"]
    )
