"""From the posted transfer to what the paper says. Pure: everything comes in, a `CertificateView` goes out.

The facts are frozen in the transaction that moved the title, so the paper says what was true then, for ever.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec

from marketplace.documents.certificate import (
    CertificateView,
    Condition,
    Declaration,
    Licence,
    Link,
    Metric,
    Paper,
    PaperKind,
    Party,
    PartyName,
    RdsNumber,
    RegisterEntry,
    RegisterView,
    Scope,
    Segment,
    Source,
    UnitRange,
    Verification,
)
from marketplace.documents.certificate import Outcome as PaperOutcome
from marketplace.documents.registry import CERTIFICATE
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import format_id
from marketplace.licensing.catalogue import Catalogue, Product, Reach
from marketplace.licensing.coverage import covers
from marketplace.licensing.eligibility.findings import Finding, Outcome, evidence_for
from marketplace.licensing.eligibility.ownership import chain_of_title
from marketplace.licensing.eligibility.positions import SELLER, EvidenceKind, SourcePosition
from marketplace.licensing.programmes import Programme, VestingRule
from marketplace.listings.domain.listing import Evidence
from marketplace.parties.domain import Company
from marketplace.register.domain import Chain, PostedLine
from marketplace.transfers.domain import Declaration as SignedDeclaration
from marketplace.transfers.domain import Transfer

_PAPER_KIND: Final[Mapping[EvidenceKind, PaperKind]] = {
    EvidenceKind.AGREEMENT: "agreement",
    EvidenceKind.ENROLMENT: "agreement",
    EvidenceKind.FIRST_INVOICE: "invoice",
    EvidenceKind.ORDER_LINES: "invoice",
    EvidenceKind.PORTAL_EXTRACT: "licence_statement",
    EvidenceKind.LICENCE_STATEMENT: "licence_statement",
    EvidenceKind.PAYMENT_PROOF: "payment_proof",
    EvidenceKind.CEASE_USE_DECLARATION: "declaration",
    EvidenceKind.TRANSFER_DEED: "deed",
    EvidenceKind.AUTHORITY_PROOF: "register_extract",
}
_FIRST_SALE: Final = (EvidenceKind.AGREEMENT, EvidenceKind.FIRST_INVOICE)
_EARLIER_TRANSFER: Final = (EvidenceKind.TRANSFER_DEED, EvidenceKind.CEASE_USE_DECLARATION)
_DECLARED_RULES: Final = ("C07", "C09", "C14", "C17", "C18")
"""Conditions that statements of the signed declaration speak to."""
_ANSWERED: Final = ("c14.not_declared", "c17.role_unknown", "c18.not_declared")
"""What a position left open and the signed declaration answers."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is given to a certificate when it is made."""

    number: str
    code: str
    url: str
    issued_at: datetime


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that the register carried out."""

    transfer: Transfer
    lines: tuple[PostedLine, ...]
    chains: tuple[Chain, ...]
    """One chain of title per line, from the first sale to the buyer."""

    @property
    def declaration(self) -> SignedDeclaration:
        """Give the signed declaration; a posted transfer always has one."""
        if self.transfer.declaration is None:
            raise AssertionError("posted without a declaration")
        return self.transfer.declaration


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where the licences come from: the reviewed position, its evidence, and the findings of the transfer's day."""

    position: SourcePosition
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    programme: Programme | None

    @property
    def programme_name(self) -> str:
        """Give the programme as people call it."""
        return self.programme.name if self.programme else self.position.programme


def compose(
    head: Head,
    posted: Posted,
    provenance: Provenance,
    companies: Mapping[UUID, Company],
    catalogue: Catalogue,
) -> CertificateView:
    """Say everything the certificate says.

    `companies` holds all parties of the chain and the operator.

    Raises:
        Conflict: `certificate.condition_open`, a condition forbids the transfer on this very day.
        msgspec.ValidationError: the facts contradict each other, so nothing may be issued on them.
    """
    transfer = posted.transfer
    operator = next(company for company in companies.values() if company.kind == "operator")
    view = CertificateView(
        number=head.number,
        issued_at=head.issued_at,
        status="valid",
        operator=_party(operator),
        seller=_party(companies[transfer.seller_id]),
        buyer=_party(companies[transfer.buyer_id]),
        first_acquirer=_first_acquirer(posted, provenance, companies),
        licences=(_licence(posted, provenance.position, catalogue),),
        source=_source(provenance),
        chain=_chain(posted, provenance, companies),
        papers=_papers(posted, provenance),
        declarations=(_declaration(posted, companies),),
        conditions=_conditions(posted, provenance),
        scope=_scope(provenance, catalogue),
        register=_register(posted),
        verification=Verification(code=head.code, url=head.url),
        disclosure=posted.declaration.signing.disclosure.value,
    )
    # Read back as it will be stored: only that checks every field, and what is stored must be readable for ever.
    return CERTIFICATE.read(CERTIFICATE.write(view))


def _party(company: Company) -> Party:
    place = f"{company.address.postcode} {company.address.city}".strip()
    return Party(
        reference=format_id("cmp", company.id),
        name=company.legal_name,
        address=(*company.address.lines, place),
        country=company.country,
        register_number=company.register_number,
        vat_id=company.vat_id,
    )


def _name(company: Company) -> PartyName:
    return PartyName(name=company.legal_name, reference=format_id("cmp", company.id))


def _licence(posted: Posted, position: SourcePosition, catalogue: Catalogue) -> Licence:
    product = catalogue.product(posted.transfer.product)
    return Licence(
        product=catalogue.family_of(product).name,
        version=product.version,
        metric=msgspec.convert(product.metric.value, Metric),
        quantity=posted.transfer.quantity,
        part_number=position.part_number or None,
        segment=_segment(position.segment),
        pack_size=position.pack_size or 1,
    )


def _segment(segment: str) -> Segment:
    # The paper knows the four segments; the catalogue splits academic further, for prices only.
    known: Segment = msgspec.convert(segment.partition("_")[0], Segment)
    return known


def _source(provenance: Provenance) -> Source:
    position = provenance.position
    if position.first_sold_on is None:
        raise _open("C02")
    return Source(
        programme=provenance.programme_name,
        agreement_number=position.agreement_number or None,
        first_sold_on=position.first_sold_on,
        first_sold_country=position.country,
        acquired=position.acquired,
        sold_earlier=position.sold_earlier,
        retained=position.retained,
        perpetual_since=_perpetual_since(position, provenance.programme),
    )


def _perpetual_since(position: SourcePosition, programme: Programme | None) -> date | None:
    """Give the day the right became unlimited, where the programme's rule and the known dates say it (C05).

    Under a full-payment rule that is the day of the last instalment, which nobody stated: then nothing is printed.
    """
    if programme is None or not position.paid_in_full:
        return None
    if programme.vesting is VestingRule.ON_PURCHASE:
        return position.first_sold_on
    if programme.vesting is VestingRule.FULL_PAYMENT_AND_TERM_END and position.term_end_on:
        return position.term_end_on + timedelta(days=1)
    return None


def _chain(
    posted: Posted, provenance: Provenance, companies: Mapping[UUID, Company]
) -> tuple[Link, ...]:
    """Tell the way of the first line; all lines of a transfer went the same way."""
    links = posted.chains[0].links
    first = _first_acquirer(posted, provenance, companies)
    told = [
        Link(
            on=provenance.position.first_sold_on or links[0].recorded_at.date(),
            act="first_sale",
            giver=None,
            taker=PartyName(name=first.name, reference=first.reference),
            quantity=provenance.position.acquired,
            papers=_evidence_of(provenance.evidence, _FIRST_SALE),
        ),
        *_earlier_owners(posted, provenance, companies),
    ]
    for giver, taker in pairwise(links):
        if giver.party_id is None or taker.party_id is None:
            raise _open("C11")
        is_sellers = giver.party_id == posted.transfer.seller_id
        paper = format_id("dcl", posted.declaration.id) if is_sellers else _deed(posted)
        told.append(
            Link(
                on=taker.recorded_at.date(),
                act="transfer",
                giver=_name(companies[giver.party_id]),
                taker=_name(companies[taker.party_id]),
                quantity=posted.transfer.quantity,
                papers=(paper,),
            )
        )
    return tuple(told)


def _first_acquirer(
    posted: Posted, provenance: Provenance, companies: Mapping[UUID, Company]
) -> Party:
    """Name who bought first: the first owner in our register, or whom the seller names where it bought second-hand."""
    position = provenance.position
    if position.chain:
        name = position.first_acquirer
        return Party(reference=_reference_of(position, name), name=name)
    return _party(companies[posted.chains[0].links[0].party_id or posted.transfer.seller_id])


def _earlier_owners(
    posted: Posted, provenance: Provenance, companies: Mapping[UUID, Company]
) -> Iterator[Link]:
    """Tell the transfers before our register, as the reviewed position and its deeds show them (C08, C11)."""
    position = provenance.position
    seller = companies[posted.chains[0].links[0].party_id or posted.transfer.seller_id]
    for link in chain_of_title(position):
        if link.transferred_on is None:
            raise _open("C11")
        taker = PartyName(name=link.transferee, reference=_reference_of(position, link.transferee))
        yield Link(
            on=link.transferred_on,
            act="transfer",
            giver=PartyName(
                name=link.transferor, reference=_reference_of(position, link.transferor)
            ),
            taker=_name(seller) if link.transferee == SELLER else taker,
            quantity=link.quantity,
            papers=_evidence_of(provenance.evidence, _EARLIER_TRANSFER),
        )


def _reference_of(position: SourcePosition, owner: str) -> str:
    """Give a stable pseudonym of an earlier owner, who is no company of this house."""
    owners = [link.transferor for link in chain_of_title(position)]
    return f"owner-{owners.index(owner) + 1}" if owner in owners else "owner-0"


def _papers(posted: Posted, provenance: Provenance) -> tuple[Paper, ...]:
    shown = [
        Paper(
            kind=_PAPER_KIND.get(item.kind, "other"),
            reference=format_id("evi", item.id),
            sha256=item.sha256,
        )
        for item in provenance.evidence
    ]
    declaration = Paper(
        kind="declaration",
        reference=format_id("dcl", posted.declaration.id),
        sha256=posted.declaration.document_sha256(),
    )
    return (*shown, declaration, Paper(kind="deed", reference=_deed(posted)))


def _deed(posted: Posted) -> str:
    """Name the deed by the transfer, which both sides know; the order is the buyer's business only."""
    return format_id("trf", posted.transfer.id)


def _declaration(posted: Posted, companies: Mapping[UUID, Company]) -> Declaration:
    signed = posted.declaration
    signing = signed.signing
    return Declaration(
        declarant=_name(companies[posted.transfer.seller_id]),
        quantity=signing.quantity,
        use_ended_on=signing.use_ended_on,
        signed_at=signed.signed_at,
        paper=format_id("dcl", signed.id),
        signatory=f"{signing.signatory_name}, {signing.signatory_function}"[:200],
        licence_servers=signing.licence_servers,
    )


def _conditions(posted: Posted, provenance: Provenance) -> tuple[Condition, ...]:
    """Give one line per rule: the worst finding of the day, with the papers that speak to it."""
    worst: dict[str, Finding] = {}
    for finding in provenance.findings:
        known = worst.get(finding.rule_id)
        if known is None or finding.outcome.severity > known.outcome.severity:
            worst[finding.rule_id] = finding
    return tuple(
        _condition(finding, posted, provenance.evidence) for _, finding in sorted(worst.items())
    )


def _condition(finding: Finding, posted: Posted, evidence: Sequence[Evidence]) -> Condition:
    if finding.outcome is Outcome.BLOCK:
        raise _open(finding.rule_id)
    papers = _evidence_of(evidence, evidence_for(finding.rule_id))
    if finding.rule_id in _DECLARED_RULES:
        papers = (*papers, format_id("dcl", posted.declaration.id))
    # A hold that is still open today was decided by the reviewer, who answers for it, or is answered by what the seller
    # signed: the paper says so as a warning.
    is_held = finding.outcome is Outcome.HOLD
    answered_by = (
        "declared by the seller" if finding.code in _ANSWERED else "accepted by the reviewer"
    )
    return Condition(
        rule=finding.rule_id,
        outcome="warn" if is_held else msgspec.convert(finding.outcome.value, PaperOutcome),
        checked_on=finding.checked_on,
        evidence=papers,
        note=answered_by if is_held else None,
    )


def _scope(provenance: Provenance, catalogue: Catalogue) -> Scope:
    position = provenance.position
    product: Product = position.product
    family = catalogue.family_of(product)
    servers = catalogue.servers_of(family)
    reached = [server.name for server in servers if covers(product, server.id).usable]
    base = catalogue.families[family.needs].name if family.needs else None
    return Scope(
        server_product=catalogue.lines[family.line].name,
        covers=tuple(reversed(reached)),
        base_cal=base,
        rds=RdsNumber(programme=provenance.programme_name, number=position.agreement_number)
        if family.reach is Reach.RDS and position.agreement_number
        else None,
    )


def _register(posted: Posted) -> RegisterView:
    entries = []
    for line, chain in zip(posted.lines, posted.chains, strict=True):
        last = chain.links[-1]
        entries.append(
            RegisterEntry(
                event=format_id("evt", line.sale_id),
                leaf_hash=last.leaf_hash.hex(),
                units=UnitRange(first=line.units.lo, end=line.units.hi),
                recorded_at=last.recorded_at,
            )
        )
    return RegisterView(lot=format_id("lot", posted.transfer.lot_id), entries=tuple(entries))


def _evidence_of(evidence: Sequence[Evidence], kinds: Collection[EvidenceKind]) -> tuple[str, ...]:
    return tuple(format_id("evi", item.id) for item in evidence if item.kind in kinds)


def _open(rule_id: str) -> Conflict:
    return Conflict(
        "certificate.condition_open",
        f"Condition {rule_id} forbids this transfer today; staff must look at the order.",
    )
