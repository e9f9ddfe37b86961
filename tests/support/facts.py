"""A posted transfer and where its licences come from, as plain values: what a certificate is composed of."""

from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from marketplace.certificates.domain.facts import Head, Posted, Provenance, compose
from marketplace.documents.certificate import CertificateView
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.conditions import assess
from marketplace.licensing.eligibility.positions import (
    CeaseUse,
    Declared,
    EvidenceKind,
    FirstSeller,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
    summarise,
)
from marketplace.licensing.programmes import find_programme
from marketplace.licensing.zones import Zone
from marketplace.listings.domain.listing import Evidence
from marketplace.parties.domain import Address, Company, CompanyKind
from marketplace.register.domain import Chain, Link, PostedLine, Units
from marketplace.transfers.domain import (
    Declaration,
    Disclosure,
    Signing,
    State,
    Statement,
    Transfer,
)

NOW: Final = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
TODAY: Final = NOW.date()
SELLER_ID, BUYER_ID, OPERATOR_ID, FIRST_ID = (UUID(int=number) for number in range(11, 15))
HEAD: Final = Head(
    number="CES-2026-7F3A-09C2-11",
    code="K7Q2MD-ZX4JHA-92LRTP-B6WNYC",
    url="https://cession.example/verify/K7Q2MD-ZX4JHA-92LRTP-B6WNYC",
    issued_at=NOW,
)


def company(company_id: UUID, name: str, **changes: Any) -> Company:
    """Make a company."""
    made = Company(
        id=company_id,
        kind=CompanyKind.COMPANY,
        legal_name=name,
        register_number=f"HRB {company_id.int}",
        country="DE",
        vat_id=None,
        vat_id_format_valid=False,
        address=Address(("Speicherstraße 12",), "20457", "Hamburg"),
        zone=Zone.EEA,
        verified_at=NOW,
        version=1,
        created_at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


COMPANIES: Final = {
    SELLER_ID: company(SELLER_ID, "Nordlicht Maschinenbau GmbH"),
    BUYER_ID: company(BUYER_ID, "Käufer & Söhne KG"),
    OPERATOR_ID: company(OPERATOR_ID, "Cession Operations GmbH", kind=CompanyKind.OPERATOR),
    FIRST_ID: company(FIRST_ID, "Erstkäuferin SE"),
}


def position(product: str = "ws_cal-2019-user", **changes: Any) -> SourcePosition:
    """Make a source position without an open question."""
    found = load_catalogue().product(product)
    made = SourcePosition(
        product=found,
        programme="open_license",
        agreement_number="71830452",
        acquired=200,
        offered=120,
        retained=60,
        sold_earlier=20,
        country="DE",
        first_sold_on=date(2020, 3, 1),
        first_seller=FirstSeller.AUTHORISED_PARTNER,
        term=Term.PERPETUAL,
        paid_in_full=True,
        purchased_version=found.version,
        purchased_metric=found.metric,
        sa_status=SaStatus.NEVER,
        seller_role=SellerRole.AGREEMENT_HOLDER,
        terms_edition="2020-03",
        retention_covenant=Declared.NO,
        third_party_rights=Declared.NO,
    )
    return msgspec.structs.replace(made, **changes)


def evidence(*kinds: EvidenceKind) -> tuple[Evidence, ...]:
    """Make one paper per kind."""
    return tuple(
        Evidence(
            id=UUID(int=100 + place),
            listing_id=UUID(int=3),
            company_id=SELLER_ID,
            kind=kind,
            file_name=f"{kind.value}.pdf",
            media_type="application/pdf",
            size_bytes=1,
            sha256=f"{place:064x}",
            uploaded_at=NOW,
        )
        for place, kind in enumerate(kinds)
    )


def provenance(**changes: Any) -> Provenance:
    """Assess a position with its papers; `position`, `evidence` and `findings` may be given."""
    source = changes.get("position", position())
    papers = changes.get("evidence", evidence(EvidenceKind.AGREEMENT, EvidenceKind.FIRST_INVOICE))
    ceased = CeaseUse(quantity=50, ended_on=date(2026, 11, 20), licence_server_removed=True)
    found = assess(source, summarise([paper.kind for paper in papers], ceased), TODAY)
    return Provenance(
        position=source,
        evidence=papers,
        findings=changes.get("findings", found),
        programme=find_programme(source.programme),
    )


def posted(*units: Units, product: str = "ws_cal-2019-user", **changes: Any) -> Posted:
    """Make a posted transfer of units (one line each); `signing` and `owners` (before the buyer) may be given."""
    pieces = units or (Units(0, 50),)
    owners = changes.get("owners", (SELLER_ID, OPERATOR_ID))
    quantity = sum(piece.size for piece in pieces)
    signing = Signing(
        quantity=quantity,
        use_ended_on=date(2026, 11, 20),
        statements=tuple(Statement),
        licence_servers=(),
        disclosure=Disclosure.FULL,
        signatory_name="Ines Albrecht",
        signatory_function="Head of IT",
        place="Hamburg",
    )
    transfer = Transfer(
        id=UUID(int=1),
        order_id=UUID(int=2),
        listing_id=UUID(int=3),
        lot_id=UUID(int=4),
        seller_id=SELLER_ID,
        buyer_id=BUYER_ID,
        product=product,
        quantity=quantity,
        reservation_ids=tuple(UUID(int=70 + place) for place in range(len(pieces))),
        state=State.POSTED,
        version=3,
        prepared_at=NOW,
        declared_at=NOW,
        posted_at=NOW,
        declaration=Declaration(
            id=UUID(int=8),
            transfer_id=UUID(int=1),
            company_id=SELLER_ID,
            signing=msgspec.structs.replace(signing, **changes.get("signing", {})),
            signed_at=NOW,
        ),
    )
    lines = tuple(_line(place, piece) for place, piece in enumerate(pieces))
    chains = tuple(_chain(line, (*owners, BUYER_ID)) for line in lines)
    return Posted(transfer=transfer, lines=lines, chains=chains)


def composed(made: Posted | None = None, source: Provenance | None = None) -> CertificateView:
    """Compose a certificate of the parts."""
    return compose(HEAD, made or posted(), source or provenance(), COMPANIES, load_catalogue())


def _line(place: int, units: Units) -> PostedLine:
    return PostedLine(
        reservation_id=UUID(int=70 + place),
        lot_id=UUID(int=4),
        units=units,
        seller_id=SELLER_ID,
        holding_id=UUID(int=30 + place),
        purchase_id=UUID(int=40 + place),
        sale_id=UUID(int=50 + place),
    )


def _chain(line: PostedLine, owners: tuple[UUID | None, ...]) -> Chain:
    links = tuple(
        Link(
            party_id=owner,
            holding_id=UUID(int=200 + step),
            event_id=UUID(int=300 + step),
            event_kind="transfer.posted" if step else "lot.opened",
            leaf_hash=bytes([step + 1]) * 32,
            recorded_at=NOW,
            declaration_hash=None,
            declared_at=None,
        )
        for step, owner in enumerate(owners)
    )
    return Chain(line.holding_id, line.lot_id, line.units, links)
