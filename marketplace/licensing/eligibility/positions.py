"""What the conditions look at: the source position a seller offers from, and the evidence shown for it."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.licensing.catalogue import Metric, Product


class Term(StrEnum):
    """How long the right was sold for, as printed on the order."""

    PERPETUAL = "perpetual"
    SUBSCRIPTION_1Y = "subscription_1y"
    SUBSCRIPTION_3Y = "subscription_3y"
    UNKNOWN = "unknown"


class FirstSeller(StrEnum):
    """Who made the first sale (C01)."""

    RIGHTHOLDER = "rightholder"
    AUTHORISED_PARTNER = "authorised_partner"
    OTHER = "other"
    UNKNOWN = "unknown"


class OrderedUnit(StrEnum):
    """What one order line item was (domain notes 1.4). A row of `units.toml` says what can be traded of it."""

    LICENCE = "licence"
    PACK = "pack"
    SERVER_BUNDLE = "server_bundle"
    CAL_SUITE = "cal_suite"
    WHOLE = "whole"


class Declared(StrEnum):
    """What the seller declares about a yes-or-no question. `unknown` holds, it never passes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class SaStatus(StrEnum):
    """What the seller says about Software Assurance (SA); dates, where given, weigh more (C21)."""

    NEVER = "never"
    ENDED = "ended"
    ACTIVE = "active"
    UNKNOWN = "unknown"


class SellerRole(StrEnum):
    """Why the seller may dispose of the licences (C17)."""

    AGREEMENT_HOLDER = "agreement_holder"
    SUCCESSOR = "successor"
    AFFILIATE = "affiliate"
    INSOLVENCY_ADMINISTRATOR = "insolvency_administrator"
    ATTORNEY = "attorney"
    PURCHASER = "purchaser"
    UNKNOWN = "unknown"


class Medium(StrEnum):
    """What is there of the original medium, card or certificate of a box or an OEM pack (C16)."""

    ORIGINAL = "original"
    BACKUP_COPY = "backup_copy"
    LOST = "lost"
    UNKNOWN = "unknown"


class PaperState(StrEnum):
    """Is a paper of an earlier transfer there, not there yet, or not to be had any more?"""

    SHOWN = "shown"
    MISSING = "missing"
    UNOBTAINABLE = "unobtainable"


SELLER: Final = "seller"
"""The label of the seller in a chain: the transferee of its last link."""


class ChainLink(msgspec.Struct, frozen=True, kw_only=True):
    """One earlier transfer between the first acquirer and the seller (C08, C11).

    `transferor` and `transferee` are labels that the seller chooses; they mean the same owner wherever they occur, and
    the seller's own is `SELLER`. `quantity` licences moved on `transferred_on`, by a `deed`. `cease_use` is the
    transferor's declaration that `ceased_quantity` licences were used no more from `ceased_on` on, for RDS CALs with
    their removal from the licence server.
    """

    transferor: str
    transferee: str
    quantity: int
    transferred_on: date | None = None
    deed: PaperState = PaperState.MISSING
    cease_use: PaperState = PaperState.MISSING
    ceased_quantity: int = 0
    ceased_on: date | None = None
    licence_server_removed: bool = False


class FromSaSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A From-SA subscription that the licences qualified for; `ends_on` is its last day (C14)."""

    bought_on: date | None = None
    ends_on: date | None = None


class SourcePosition(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the seller's own agreement or invoice, and how much of it is offered.

    Quantities are licences. `term_end_on` is the last day of the first enrolment term, `sa_ended_on` the last one of
    Software Assurance without a gap since `sa_started_on`. `offered_elsewhere` counts licences of the same position in
    other open listings, as our own books know them (the double-sale guard of C09). `identifiers` holds what the
    programme asks for beside `agreement_number`, by the names in `programmes.toml`. `purchased_version` and
    `purchased_metric` are what the first order says; `terms_edition` is the month of the Product Terms (`2019-05`),
    `oem` or `retail`. `chain` is empty where the seller is the first acquirer, whose label in the chain is
    `first_acquirer`; the order of its links does not matter. Only `product`, the programme and the quantities are
    needed to ask; whatever is left out makes a finding, never a pass.
    """

    product: Product
    programme: str
    acquired: int
    offered: int
    retained: int = 0
    sold_earlier: int = 0
    offered_elsewhere: int = 0
    agreement_number: str = ""
    identifiers: dict[str, str] = {}
    part_number: str = ""
    country: str = ""
    first_sold_on: date | None = None
    first_seller: FirstSeller = FirstSeller.UNKNOWN
    free_of_charge: bool = False
    segment: str = "commercial"
    term: Term = Term.UNKNOWN
    paid_in_full: bool = False
    term_end_on: date | None = None
    sa_ended_on: date | None = None
    ordered_unit: OrderedUnit = OrderedUnit.LICENCE
    pack_size: int | None = None
    key_only: bool = False
    purchased_version: str = ""
    purchased_metric: Metric | None = None
    metric_changed_at_sa_renewal_on: date | None = None
    sa_status: SaStatus = SaStatus.UNKNOWN
    sa_started_on: date | None = None
    seller_role: SellerRole = SellerRole.UNKNOWN
    first_acquirer: str = ""
    chain: tuple[ChainLink, ...] = ()
    terms_edition: str = ""
    retention_covenant: Declared = Declared.UNKNOWN
    from_sa_subscriptions: tuple[FromSaSubscription, ...] = ()
    medium: Medium = Medium.UNKNOWN
    third_party_rights: Declared = Declared.UNKNOWN


class EvidenceKind(StrEnum):
    """What a paper shows. One file may count as several kinds."""

    AGREEMENT = "agreement"
    FIRST_INVOICE = "first_invoice"
    ORDER_LINES = "order_lines"
    PORTAL_EXTRACT = "portal_extract"
    LICENCE_STATEMENT = "licence_statement"
    PAYMENT_PROOF = "payment_proof"
    ENROLMENT = "enrolment"
    BUYOUT_ORDER = "buyout_order"
    SA_PROOF = "sa_proof"
    AUTHENTICITY_PHOTO = "authenticity_photo"
    CEASE_USE_DECLARATION = "cease_use_declaration"
    TRANSFER_DEED = "transfer_deed"
    AUTHORITY_PROOF = "authority_proof"
    OTHER = "other"


class CeaseUse(msgspec.Struct, frozen=True, kw_only=True):
    """The seller's signed statement that licences are no longer used (C07; notes 1.6, no. 6)."""

    quantity: int
    ended_on: date
    licence_server_removed: bool = False


class EvidenceSummary(msgspec.Struct, frozen=True):
    """Which kinds of evidence there are. A set: neither order nor repetition matters."""

    kinds: frozenset[EvidenceKind] = frozenset()
    cease_use: CeaseUse | None = None

    def shows_any(self, kinds: Iterable[EvidenceKind]) -> bool:
        """Say whether at least one of these kinds is there."""
        return not self.kinds.isdisjoint(kinds)


def summarise(kinds: Iterable[EvidenceKind], cease_use: CeaseUse | None = None) -> EvidenceSummary:
    """Return the summary of a list of files, whatever their order."""
    return EvidenceSummary(frozenset(kinds), cease_use)
