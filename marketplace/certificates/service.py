"""Use cases of proof: complete an order, print the paper, show it to whoever may see it, revoke it."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.certificates import store
from marketplace.certificates.domain.certificate import (
    CODE_BYTES,
    Certificate,
    Paper,
    PublicFacts,
    Reader,
    Status,
    code_of,
    normal_code,
    number_of,
    public_facts,
    revoke,
    shown_to,
)
from marketplace.certificates.domain.facts import Head, Posted, Provenance, compose
from marketplace.certificates.events import (
    CertificateIssued,
    CertificateRendered,
    CertificateRevoked,
)
from marketplace.documents.certificate import CertificateView
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.work import View, Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility import conditions
from marketplace.licensing.eligibility.positions import CeaseUse, summarise
from marketplace.licensing.programmes import find_programme
from marketplace.licensing.zones import zone_of
from marketplace.listings import service as listings
from marketplace.listings.domain.listing import Evidence, Listing
from marketplace.orders import service as orders
from marketplace.parties import service as parties
from marketplace.parties.domain import Company
from marketplace.register import service as register
from marketplace.transfers import service as transfers
from marketplace.transfers.service import PostedTransfer

log = structlog.get_logger()

_CATALOGUE: Final = load_catalogue()
_ASKED_PER_TRANSFER: Final = frozenset({"C07", "C10", "C22"})
"""Conditions whose answer depends on the buyer and the quantity of one transfer."""


class Printed(msgspec.Struct, frozen=True):
    """A printed paper that was stored."""

    paper: Paper
    size_bytes: int


async def complete_order(work: Work, order_id: UUID, public_url: str) -> tuple[Certificate, ...]:
    """Post a paid, declared order and certify it, all in this one transaction; give nothing if it is not ready.

    Runs after each payment and each declaration; whichever comes last completes the order, and only once.
    """
    order = await orders.load_order(work, order_id, lock=True)
    ready = await transfers.ready_transfers(work, order)
    if not ready:
        return ()
    takes_part = {order.buyer_id, *(transfer.seller_id for transfer in ready)}
    known, operator = await parties.load_companies_and_operator(work, takes_part)
    posted = await transfers.post_order(work, order, ready, known, operator)
    titled = [await _with_chains(work, item) for item in posted]
    everyone = await _everyone(work, titled, known)
    proven = [await listings.load_with_evidence(work, item.transfer.listing_id) for item in titled]
    issued = tuple(
        _issue(work, item, _provenance(work, item, proof, everyone), everyone, public_url)
        for item, proof in zip(titled, proven, strict=True)
    )
    await store.insert_certificates(work.connection, issued)
    await register.note_certificates(work, _numbers_by_holding(titled, issued))
    # What was sold had been reserved, so free units stay as they are; a lot without any may be sold out now.
    await listings.units_changed(
        work, [item.lot_id for item, _ in proven if item.lot_id and not item.available]
    )
    await orders.mark_fulfilled(work, order)
    for certificate in issued:
        work.announce(CertificateIssued(certificate_id=certificate.id))
        log.info(
            "certificate.issued", certificate_id=str(certificate.id), number=certificate.number
        )
    return issued


def _numbers_by_holding(titled: Sequence[Posted], issued: Sequence[Certificate]) -> dict[UUID, str]:
    """Give the holdings of the buyers with the number of their certificate, for the register."""
    return {
        line.holding_id: certificate.number
        for item, certificate in zip(titled, issued, strict=True)
        for line in item.lines
    }


async def _with_chains(work: Work, item: PostedTransfer) -> Posted:
    chains = [await register.chain_of(work, line.holding_id) for line in item.lines]
    return Posted(transfer=item.transfer, lines=item.lines, chains=tuple(chains))


async def _everyone(
    work: Work, titled: Sequence[Posted], known: Mapping[UUID, Company]
) -> Mapping[UUID, Company]:
    """Add those earlier owners who take no part in the order themselves."""
    owners = {
        link.party_id
        for item in titled
        for chain in item.chains
        for link in chain.links
        if link.party_id is not None
    }
    missing = sorted(owners - known.keys())
    return {**known, **await parties.load_companies(work, missing)} if missing else known


def _issue(
    work: Work,
    posted: Posted,
    provenance: Provenance,
    companies: Mapping[UUID, Company],
    public_url: str,
) -> Certificate:
    transfer = posted.transfer
    certificate_id = work.new_id()
    number = number_of(certificate_id, work.now)
    code = code_of(work.token(CODE_BYTES))
    facts = compose(
        Head(number=number, code=code, url=f"{public_url}/verify/{code}", issued_at=work.now),
        posted,
        provenance,
        companies,
        _CATALOGUE,
    )
    return Certificate(
        id=certificate_id,
        number=number,
        code=code,
        transfer_id=transfer.id,
        order_id=transfer.order_id,
        holder_id=transfer.buyer_id,
        seller_id=transfer.seller_id,
        lot_id=transfer.lot_id,
        facts=facts,
        issued_at=work.now,
    )


def _provenance(
    work: Work,
    posted: Posted,
    proven: tuple[Listing, Sequence[Evidence]],
    companies: Mapping[UUID, Company],
) -> Provenance:
    """Check the conditions again for this buyer on this day, now with the signed declaration."""
    transfer, signing = posted.transfer, posted.declaration.signing
    listing, evidence = proven
    position, buyer = listing.position, companies[transfer.buyer_id]
    today = work.now.date()
    cease_use = CeaseUse(
        quantity=signing.quantity,
        ended_on=signing.use_ended_on,
        licence_server_removed=bool(signing.licence_servers),
    )
    shown = summarise([paper.kind for paper in evidence], cease_use)
    findings = (
        *(
            finding
            for finding in conditions.assess(position, shown, today)
            if finding.rule_id not in _ASKED_PER_TRANSFER
        ),
        *conditions.assess_transfer(
            position, shown, today, quantity=transfer.quantity, zone=zone_of(buyer.country)
        ),
    )
    return Provenance(
        position=position,
        evidence=tuple(evidence),
        findings=findings,
        programme=find_programme(position.programme),
    )


async def papers_to_print(work: Work, certificate_id: UUID, reader: Reader) -> Certificate | None:
    """Give a certificate whose paper for a reader is not printed yet in every language, or None."""
    certificate = await _find(work, certificate_id)
    printed = {paper.language for paper in certificate.papers if paper.audience == reader.value}
    return None if printed >= set(CERTIFICATE.languages) else certificate


def view_for(certificate: Certificate, reader: Reader) -> CertificateView:
    """Give what one reader's paper says."""
    return shown_to(certificate.facts, reader)


async def record_papers(work: Work, certificate_id: UUID, printed: tuple[Printed, ...]) -> None:
    """Note printed papers; the same again changes nothing."""
    await store.insert_papers(
        work.connection,
        certificate_id,
        [(item.paper, item.size_bytes) for item in printed],
        work.now,
    )
    work.announce(CertificateRendered(certificate_id=certificate_id))
    log.info("certificate.rendered", certificate_id=str(certificate_id), papers=len(printed))


async def load_certificate(work: Work, certificate_id: UUID) -> tuple[Certificate, Reader]:
    """Give a certificate and as whom the caller reads it: holder, seller, granted partner or staff.

    Raises:
        NotFound: there is none, or it is not the caller's to see (row level security decides).
    """
    certificate = await _find(work, certificate_id)
    return certificate, reader_of(work, certificate)


def reader_of(work: Work, certificate: Certificate) -> Reader:
    """Tell as whom the caller reads a certificate that row level security let through."""
    if work.principal.scope in ("staff", "system"):
        return Reader.STAFF
    if work.principal.company_id == certificate.holder_id:
        return Reader.HOLDER
    return Reader.SELLER if work.principal.company_id == certificate.seller_id else Reader.PARTNER


def paper_hash(work: Work, certificate: Certificate, reader: Reader, language: str) -> str | None:
    """Give the hash of the stored paper for a reader, or None and a job that prints it."""
    audience = audience_of(reader)
    for paper in certificate.papers:
        if (paper.language, paper.audience) == (language, audience.value):
            return paper.sha256
    actor = "certificates.render" if audience is Reader.HOLDER else "certificates.render_for_seller"
    work.enqueue(
        actor,
        {"certificate_id": str(certificate.id)},
        queue="heavy",
        dedup_key=f"{actor}:{certificate.id}:{language}",
    )
    return None


def audience_of(reader: Reader) -> Reader:
    """Tell whose paper a reader gets: partners and staff read the holder's."""
    return Reader.SELLER if reader is Reader.SELLER else Reader.HOLDER


async def list_certificates(work: Work, window: Window) -> Page[Certificate]:
    """Give the certificates the caller may see (own, sold, granted), newest first; staff see all."""
    sight = None
    if work.principal.scope != "staff":
        sight = store.Sight(work.principal.company, await parties.list_givers(work))
    found = await store.select_page(work.connection, sight, window)
    return page_of(found, window.limit, lambda certificate: (str(certificate.id),))


async def revoke_certificate(work: Work, certificate_id: UUID, reason: str) -> Certificate:
    """Declare a certificate invalid, as staff; the paper stays, its status page says revoked."""
    certificate = await _find(work, certificate_id)
    revoked = revoke(certificate, reason)
    await store.insert_end(work.connection, revoked, work.now)
    work.announce(CertificateRevoked(certificate_id=certificate_id))
    work.audit("certificate.revoked", format_id("crt", certificate_id), reason)
    log.info("certificate.revoked", certificate_id=str(certificate_id))
    return revoked


async def verify_code(view: View, typed: str) -> PublicFacts:
    """Tell anybody who has the code what may be public: the licences, the state, and when that was looked up."""
    row = await store.select_by_code(view.connection, normal_code(typed))
    if row is None:
        raise NotFound(
            "certificate.code_unknown",
            "No certificate has this code; compare it with the paper, letter by letter.",
        )
    return public_facts(
        CERTIFICATE.read(row.facts), Status(row.status), row.status_reason, view.now
    )


async def _find(work: Work, certificate_id: UUID) -> Certificate:
    certificate = await store.select_certificate(work.connection, certificate_id)
    if certificate is None:
        raise NotFound("certificate.unknown", "There is no such certificate that you may see.")
    return certificate
