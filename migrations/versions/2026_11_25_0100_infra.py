"""The plumbing: row security vocabulary, announced facts, audit log, idempotency keys, job ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "infra"
down_revision = None
branch_labels = None
depends_on = None

ROW_SECURITY = """
CREATE FUNCTION cession_scope() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(nullif(current_setting('cession.scope', true), ''), 'public') $$;
CREATE FUNCTION cession_company() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('cession.company', true), '')::uuid $$;
COMMENT ON FUNCTION cession_scope() IS
    'Who acts in this transaction: public, company, staff or system. Set by the unit of work.';
COMMENT ON FUNCTION cession_company() IS
    'The company that acts in this transaction, or null.';
"""

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % only grow: correct with a new row', TG_TABLE_NAME USING ERRCODE = 'CS001';
END $$;
"""

IDEMPOTENCY = """
CREATE FUNCTION claim_idempotency_key(
    p_credential text, p_key text, OUT state text, OUT fingerprint bytea, OUT status smallint,
    OUT etag text, OUT body bytea
) LANGUAGE plpgsql AS $$
BEGIN
    -- The lock ends with the transaction of the first request, whose commit also made its row visible.
    IF NOT pg_try_advisory_xact_lock(hashtextextended(p_credential || ' ' || p_key, 20261125)) THEN
        state := 'running';
        RETURN;
    END IF;
    SELECT k.fingerprint, k.status, k.etag, k.body INTO fingerprint, status, etag, body
        FROM idempotency_keys k WHERE k.credential = p_credential AND k.key = p_key;
    state := CASE WHEN FOUND THEN 'known' ELSE 'new' END;
END $$;
"""

FINISH_WORK = """
-- What a unit of work leaves behind beside its own rows, in one round trip: announced facts, their follow-ups, the
-- audit trail, and the answer kept for its idempotency key. Called at the edge, in the same transaction.
CREATE FUNCTION finish_work(
    p_events jsonb, p_jobs jsonb, p_audit jsonb, p_credential text, p_key text, p_fingerprint bytea,
    p_status integer, p_etag text, p_body bytea, p_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_events IS NOT NULL THEN
        INSERT INTO events (id, name, ids, trace, announced_at)
            SELECT e.id, e.name, e.ids, e.trace, p_now
            FROM jsonb_to_recordset(p_events) AS e (id uuid, name text, ids jsonb, trace text);
    END IF;
    IF p_jobs IS NOT NULL THEN
        INSERT INTO jobs (id, queue, actor, args, run_at, dedup_key, event_id, trace)
            SELECT j.id, j.queue, j.actor, j.args, coalesce(j.run_at, now()), j.dedup_key, j.event_id, j.trace
            FROM jsonb_to_recordset(p_jobs) AS j (id uuid, queue text, actor text, args jsonb, run_at timestamptz,
                dedup_key text, event_id uuid, trace text)
            ON CONFLICT (dedup_key) DO NOTHING;
    END IF;
    IF p_audit IS NOT NULL THEN
        INSERT INTO audit_log (id, action, subject, credential, company_id, member_id, note, trace, recorded_at)
            SELECT a.id, a.action, a.subject, a.credential, a.company_id, a.member_id, a.note, a.trace, p_now
            FROM jsonb_to_recordset(p_audit) AS a (id uuid, action text, subject text, credential text,
                company_id uuid, member_id uuid, note text, trace text);
    END IF;
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (credential, key, fingerprint, status, etag, body, created_at)
            VALUES (p_credential, p_key, p_fingerprint, p_status, p_etag, p_body, p_now);
    END IF;
END $$;
"""


def upgrade() -> None:
    """Create the plumbing."""
    op.execute(ROW_SECURITY)
    op.execute(REFUSE_CHANGE)
    create_facts()
    create_idempotency_keys()
    create_jobs()
    op.execute(FINISH_WORK)


def create_facts() -> None:
    """Create the announced facts and the audit log; both only grow."""
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ids", JSONB, nullable=False),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("credential", sa.Text, nullable=False),
        sa.Column("company_id", sa.Uuid),
        sa.Column("member_id", sa.Uuid),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["subject", "id"])
    for table in ("events", "audit_log"):
        op.execute(
            f"CREATE TRIGGER {table}_only_grow BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO cession_app")


def create_idempotency_keys() -> None:
    """Create the replay store."""
    op.create_table(
        "idempotency_keys",
        sa.Column("credential", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("etag", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.execute("GRANT SELECT, INSERT, DELETE ON idempotency_keys TO cession_app")
    op.execute(IDEMPOTENCY)


def create_jobs() -> None:
    """Create the job ledger (owned by `marketplace/infra/jobs`)."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("queue", sa.Text, nullable=False, server_default=sa.text("'default'")),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("args", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("state", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column(
            "run_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("deliveries", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("dedup_key", sa.Text(collation="C")),
        sa.Column("event_id", sa.Uuid),
        sa.Column("trace", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("worker", sa.Text),
        sa.Column("last_error", sa.Text),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("dedup_key"),
        sa.CheckConstraint("state between 0 and 4", name="state"),
        postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    ready, leased, dead = (sa.text(f"state {those}") for those in ("= 0", "in (1, 4)", "= 3"))
    op.create_index("ix_jobs_ready", "jobs", ["queue", "run_at"], postgresql_where=ready)
    op.create_index("ix_jobs_leased", "jobs", ["lease_until"], postgresql_where=leased)
    op.create_index("ix_jobs_dead", "jobs", ["id"], postgresql_where=dead)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO cession_app")
