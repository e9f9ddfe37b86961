"""The certificate of transfer: all facts of its two pages (domain.md 2.4), frozen at posting.

Facts only: wording, order and look belong to `templates/documents/certificate/`, language to the
catalogues. A field that is `None` is either unknown (the line is left out) or withheld
(`mask_buyer`, `mask_first_acquirer`): a withheld name always leaves a stable reference that an
auditor can ask about.
"""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Line = Annotated[str, Meta(min_length=1, max_length=200)]
Reference = Annotated[str, Meta(min_length=1, max_length=80)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]
RuleId = Annotated[str, Meta(pattern="^C(0[1-9]|1[0-9]|2[0-2])$", description="domain.md 1.2")]
Quantity = Annotated[int, Meta(ge=1, description="licences")]
Balance = Annotated[int, Meta(ge=0, description="licences")]

Metric = Literal["user", "device", "server"]
Segment = Literal["commercial", "academic", "government", "charity"]
Status = Literal["valid", "superseded", "revoked"]
Disclosure = Literal["full", "masked_with_release_on_audit"]
Audience = Literal["buyer", "seller"]
Outcome = Literal["pass", "warn", "restrict"]
Act = Literal["first_sale", "transfer"]
PaperKind = Literal[
    "agreement",
    "declaration",
    "deed",
    "invoice",
    "licence_statement",
    "other",
    "payment_proof",
    "register_extract",
]


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of a view share: immutable, named, and strict when read back from JSON."""


class PartyName(_Facts, frozen=True, kw_only=True):
    """A party inside a table row; `name=None` prints the reference and the word "withheld"."""

    name: Line | None
    reference: Reference

    def masked(self) -> "PartyName":
        """Give the same party without its name."""
        return PartyName(name=None, reference=self.reference)


class Party(_Facts, frozen=True, kw_only=True):
    """A party in full; `reference` is a stable pseudonym and never masked."""

    reference: Reference
    name: Line | None
    address: tuple[Line, ...] = ()
    country: Country | None = None
    register_number: Line | None = None
    vat_id: Line | None = None

    def masked(self) -> "Party":
        """Withhold what identifies the company; country and reference stay (domain.md 2.3)."""
        return Party(reference=self.reference, name=None, country=self.country)


class Paper(_Facts, frozen=True, kw_only=True):
    """A document that proves something; the printed hash lets an auditor match the file.

    Listed once, numbered E1, E2, ... in print; the other parts name it by `reference`.
    """

    kind: PaperKind
    reference: Reference
    sha256: Sha256 | None = None


class Licence(_Facts, frozen=True, kw_only=True):
    """One line of the licence table."""

    product: Line
    version: Line
    metric: Metric
    quantity: Quantity
    part_number: Line | None = None
    segment: Segment = "commercial"
    pack_size: Quantity = 1


class Source(_Facts, frozen=True, kw_only=True):
    """Where the licences come from: the source position and its balance (C01, C02, C04, C09)."""

    programme: Line
    agreement_number: Line | None
    first_sold_on: date
    first_sold_country: Country
    acquired: Quantity
    sold_earlier: Balance
    retained: Balance
    perpetual_since: date | None = None


class Link(_Facts, frozen=True, kw_only=True):
    """One step of the title; no `giver` means the rightholder or its authorised channel."""

    on: date
    act: Act
    giver: PartyName | None
    taker: PartyName
    quantity: Quantity
    papers: tuple[Reference, ...] = ()


class Declaration(_Facts, frozen=True, kw_only=True):
    """A signed cease-use declaration (domain.md 1.6, statements 6 and 7; rule C07).

    `signatory` is the person's name and function; `licence_servers` is for RDS only.
    """

    declarant: PartyName
    quantity: Quantity
    use_ended_on: date
    signed_at: datetime
    paper: Reference
    signatory: Line | None = None
    licence_servers: tuple[Line, ...] = ()


class Condition(_Facts, frozen=True, kw_only=True):
    """A rule of domain.md 1.2 as it was decided, with what proved it; the catalogue words the rule.

    `note` is an addition in the words of the reviewer; it is printed as it is, untranslated.
    """

    rule: RuleId
    outcome: Outcome
    checked_on: date
    evidence: tuple[Reference, ...] = ()
    note: Line | None = None


class RdsNumber(_Facts, frozen=True, kw_only=True):
    """What the licence manager of a Remote Desktop licence server asks for (domain.md 2.4)."""

    programme: Line
    number: Line


class Scope(_Facts, frozen=True, kw_only=True):
    """What the licences allow: `covers` names the server versions, newest first (R02, R03, 3.3).

    `covers` is empty when no source confirms any version: the paper then points to the product terms. `base_cal` names
    the CAL that these licences come on top of (R11).
    """

    server_product: Line
    covers: tuple[Line, ...] = ()
    base_cal: Line | None = None
    rds: RdsNumber | None = None
    product_terms: Line | None = None


class UnitRange(_Facts, frozen=True, kw_only=True):
    """Unit numbers of the lot from `first` up to, not including, `end`."""

    first: Balance
    end: Quantity

    @property
    def size(self) -> int:
        """Count the units."""
        return self.end - self.first

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("a unit range holds at least one unit")


class RegisterEntry(_Facts, frozen=True, kw_only=True):
    """An event of the title register that gave these units to the buyer."""

    event: Reference
    leaf_hash: Sha256
    units: UnitRange
    recorded_at: datetime


class RegisterView(_Facts, frozen=True, kw_only=True):
    """The lot's public pseudonym and the entries of this transfer (several holdings, one deal)."""

    lot: Reference
    entries: Annotated[tuple[RegisterEntry, ...], Meta(min_length=1)]


class Verification(_Facts, frozen=True, kw_only=True):
    """How a reader checks the paper: the code to type and the address that the QR code holds."""

    code: Reference
    url: Annotated[str, Meta(pattern="^https?://[!-~]+$", max_length=300)]


class CertificateView(_Facts, frozen=True, kw_only=True):
    """Everything one certificate says. Times are UTC.

    Raises `ValueError` (msgspec reports it as `ValidationError` when reading JSON) if the parts
    contradict each other: a paper that does not add up is never printed.
    """

    number: Annotated[str, Meta(pattern="^[0-9A-Za-z_-]{4,40}$")]
    issued_at: datetime
    status: Status
    operator: Party
    seller: Party
    buyer: Party
    first_acquirer: Party
    licences: Annotated[tuple[Licence, ...], Meta(min_length=1)]
    source: Source
    chain: Annotated[tuple[Link, ...], Meta(min_length=1)]
    papers: tuple[Paper, ...]
    declarations: Annotated[tuple[Declaration, ...], Meta(min_length=1)]
    conditions: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    scope: Scope
    register: RegisterView
    verification: Verification
    disclosure: Disclosure = "full"
    audience: Audience = "buyer"
    previous_number: Reference | None = None

    @property
    def quantity(self) -> int:
        """Count the licences of all lines."""
        return sum(licence.quantity for licence in self.licences)

    def __post_init__(self) -> None:
        units = sum(entry.units.size for entry in self.register.entries)
        if units != self.quantity:
            raise ValueError(f"{self.quantity} licences but {units} units in the register")
        held = self.source.sold_earlier + self.source.retained + self.quantity
        if held > self.source.acquired:
            raise ValueError("more licences leave the source position than were acquired (C09)")
        self._check_chain()
        self._check_papers()

    def _check_chain(self) -> None:
        if self.chain[-1].taker.reference != self.buyer.reference:
            raise ValueError("the chain of title does not end with the buyer (C11)")
        for link, following in pairwise(self.chain):
            if following.giver is None or following.giver.reference != link.taker.reference:
                raise ValueError("the chain of title has a gap (C11)")

    def _check_papers(self) -> None:
        listed = {paper.reference for paper in self.papers}
        named = {declaration.paper for declaration in self.declarations}
        named |= {reference for link in self.chain for reference in link.papers}
        named |= {reference for condition in self.conditions for reference in condition.evidence}
        if not named <= listed:
            missing = ", ".join(sorted(named - listed))
            raise ValueError(f"named as evidence but not listed among the papers: {missing}")


def mask_buyer(view: CertificateView) -> CertificateView:
    """Give the copy for the seller's side: the seller need not learn who bought."""
    hidden = _masked(view, {view.buyer.reference})
    return msgspec.structs.replace(hidden, audience="seller")


def mask_first_acquirer(view: CertificateView) -> CertificateView:
    """Withhold the first acquirer and, with it, anyone between it and the operator.

    The reference stays and the duty to release the name in an audit is printed (domain.md 2.3).
    The seller is withheld too: in a short chain it is the first acquirer, in a longer one its name
    leads there. So is the agreement number, which names the first acquirer to the rightholder.
    """
    insiders = {view.operator.reference, view.buyer.reference}
    parties = {view.first_acquirer.reference, view.seller.reference}
    parties |= {link.taker.reference for link in view.chain}
    parties |= {link.giver.reference for link in view.chain if link.giver is not None}
    hidden = _masked(view, parties - insiders)
    source = msgspec.structs.replace(view.source, agreement_number=None)
    return msgspec.structs.replace(hidden, source=source, disclosure="masked_with_release_on_audit")


def _masked(view: CertificateView, references: Iterable[str]) -> CertificateView:
    hidden = frozenset(references)

    def party(value: Party) -> Party:
        return value.masked() if value.reference in hidden else value

    def name(value: PartyName) -> PartyName:
        return value.masked() if value.reference in hidden else value

    def link(value: Link) -> Link:
        giver = None if value.giver is None else name(value.giver)
        return msgspec.structs.replace(value, giver=giver, taker=name(value.taker))

    def declaration(value: Declaration) -> Declaration:
        if value.declarant.reference not in hidden:
            return value
        return msgspec.structs.replace(
            value, declarant=name(value.declarant), signatory=None, licence_servers=()
        )

    return msgspec.structs.replace(
        view,
        seller=party(view.seller),
        buyer=party(view.buyer),
        first_acquirer=party(view.first_acquirer),
        chain=tuple(link(value) for value in view.chain),
        declarations=tuple(declaration(value) for value in view.declarations),
    )
