"""Certificates, their ends and their printed papers; the public look-up by code."""

import sqlalchemy as sa
from alembic import op

revision = "certificates"
down_revision = "transfers"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

# Holder, seller and a partner with a live grant see a certificate; what is masked for whom is the stage's business.
ROW_SECURITY = """
ALTER TABLE certificates ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON certificates FOR SELECT USING (
    (SELECT cession_scope()) IN ('staff', 'system')
    OR (SELECT cession_company()) IN (holder_id, seller_id)
    OR EXISTS (
        SELECT FROM grants g
        WHERE g.partner_company_id = (SELECT cession_company()) AND g.company_id = certificates.holder_id
            AND g.revoked_at IS NULL AND g.expires_at > now()
            AND (g.all_certificates OR certificates.id = ANY (g.certificate_ids))
    )
);
CREATE POLICY system_issues ON certificates FOR INSERT WITH CHECK ((SELECT cession_scope()) = 'system');

ALTER TABLE certificate_ends ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON certificate_ends FOR SELECT USING (
    EXISTS (SELECT FROM certificates c WHERE c.id = certificate_ends.certificate_id)
);
CREATE POLICY staff_ends ON certificate_ends FOR INSERT
    WITH CHECK ((SELECT cession_scope()) IN ('staff', 'system'));

ALTER TABLE certificate_papers ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON certificate_papers FOR SELECT USING (
    EXISTS (SELECT FROM certificates c WHERE c.id = certificate_papers.certificate_id)
);
CREATE POLICY system_prints ON certificate_papers FOR INSERT WITH CHECK ((SELECT cession_scope()) = 'system');
"""

# The code on the paper opens exactly one row to anybody; 120 random bits keep strangers from guessing one.
LOOK_UP = """
CREATE FUNCTION certificate_by_code(
    p_code text, OUT id uuid, OUT facts bytea, OUT status text, OUT status_reason text
) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.facts, coalesce(e.status, 'issued'), e.reason
    FROM public.certificates c LEFT JOIN public.certificate_ends e ON e.certificate_id = c.id
    WHERE c.code = p_code
$$;
REVOKE ALL ON FUNCTION certificate_by_code(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certificate_by_code(text) TO cession_app;
"""


def upgrade() -> None:
    """Create the tables, their rights and their row security."""
    create_certificates()
    create_ends_and_papers()
    for table in ("certificates", "certificate_ends", "certificate_papers"):
        op.execute(
            f"CREATE TRIGGER {table}_only_grow BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO cession_app")
    op.execute(ROW_SECURITY)
    op.execute(LOOK_UP)


def create_certificates() -> None:
    """Create the certificates with their frozen facts."""
    op.create_table(
        "certificates",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Uuid, sa.ForeignKey("transfers.id"), nullable=False),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("holder_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("seller_id", sa.Uuid, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("lot_id", sa.Uuid, sa.ForeignKey("title_lots.id"), nullable=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("code"),
        sa.UniqueConstraint("transfer_id"),
    )
    op.create_index("ix_certificates_holder_id_id", "certificates", ["holder_id", "id"])
    op.create_index("ix_certificates_seller_id_id", "certificates", ["seller_id", "id"])


def create_ends_and_papers() -> None:
    """Create what may follow a certificate."""
    op.create_table(
        "certificate_ends",
        sa.Column("certificate_id", sa.Uuid, sa.ForeignKey("certificates.id"), primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.CheckConstraint("status in ('superseded', 'revoked')", name="status"),
    )
    op.create_table(
        "certificate_papers",
        sa.Column("certificate_id", sa.Uuid, sa.ForeignKey("certificates.id"), primary_key=True),
        sa.Column("language", sa.Text, primary_key=True),
        sa.Column("audience", sa.Text, primary_key=True),
        sa.Column("template_version", sa.SmallInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("rendered_at", MOMENT, nullable=False),
    )
