"""Write entries before anything is stored: ids, salts and the time come in as arguments, bytes go out.

A draft knows its own leaf hash, so the entries of a deal can point at each other before one of them is written.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.register import entry as entries
from marketplace.register.domain import FirstSale, Party, Units
from marketplace.register.entry import AnyEntry, Disclosure, Input, JsonValue, Outpoint


class Draft(msgspec.Struct, frozen=True):
    """An entry ready to be stored: canonical bytes, their leaf hash, and the secrets that open it."""

    id: UUID
    body: bytes
    leaf_hash: bytes
    secrets: tuple[Disclosure, ...]

    def outpoint(self, out_no: int) -> "Source":
        """Point at one of its outputs."""
        return Source(self.leaf_hash, out_no)


class Source(msgspec.Struct, frozen=True):
    """An output of an entry: what an `in` names."""

    leaf_hash: bytes
    out_no: int

    def named(self) -> Outpoint:
        """Write it for an entry that only refers to it."""
        return Outpoint(e=entries.b64(self.leaf_hash), n=self.out_no)

    def consumed(self, units: Units) -> Input:
        """Write it for an entry that consumes it whole."""
        return Input(e=entries.b64(self.leaf_hash), n=self.out_no, u=units)


class Move(msgspec.Struct, frozen=True):
    """What a title-moving entry does: of `whole` at `source`, `moved` goes to `to` (nobody: retired).

    `owner` keeps the rest.
    """

    source: Source
    whole: Units
    moved: Units
    owner: Party
    to: Party | None

    @property
    def moved_no(self) -> int:
        """The number of the output that moves."""
        return self.whole.tile(self.moved).index(self.moved)


class Scribe:
    """Writes the entries of one lot with the ids, salts and time of one unit of work."""

    def __init__(
        self, lot_id: UUID, at: datetime, new_id: Callable[[], UUID], token: Callable[[int], bytes]
    ) -> None:
        self._lot_id = lot_id
        self._at = int(at.timestamp() * 1000)
        self._new_id = new_id
        self._token = token

    def opened(self, owner: Party, units: int, first_sale: FirstSale) -> Draft:
        """Open the lot: all units belong to `owner`."""
        secret = self._owner(0, owner)
        return self._draft(
            entries.LotOpened,
            {
                "product": first_sale.product,
                "metric": first_sale.metric,
                "agreement": first_sale.agreement,
                "acquirer": first_sale.acquirer,
                "first_sale_document": first_sale.document_sha256,
                "territory": first_sale.territory,
                "attestor": first_sale.attestor,
            },
            (secret,),
            units=units,
            out=(entries.Genesis(u=Units(0, units), o=secret.digest()),),
        )

    def declared(self, source: Source, units: Units, declaration: Mapping[str, JsonValue]) -> Draft:
        """Declare use of `units` ended; `declaration` has declarant, document, method and date."""
        return self._draft(
            entries.DeclarationDestroyed, declaration, (), input=source.named(), u=units
        )

    def transferred(self, move: Move, deal_id: UUID, declaration_hash: bytes) -> Draft:
        """Move title on the strength of the owner's declaration."""
        return self._moved(
            entries.Transfer, move, {"deal": str(deal_id)}, decl=entries.b64(declaration_hash)
        )

    def retired(self, move: Move, reason: str) -> Draft:
        """Surrender units."""
        return self._moved(entries.Retired, move, {"reason": reason})

    def reversed(
        self, move: Move, reversed_hash: bytes, disclosed: Mapping[str, JsonValue]
    ) -> Draft:
        """Move units back; `disclosed` has reason and evidence."""
        return self._moved(entries.Reversal, move, disclosed, reverses=entries.b64(reversed_hash))

    def hold_placed(self, source: Source, units: Units, reason: str, authority: str) -> Draft:
        """Freeze units."""
        disclosed = {"reason": reason, "authority": authority}
        return self._draft(entries.HoldPlaced, disclosed, (), input=source.named(), u=units)

    def hold_lifted(self, source: Outpoint, units: Units, reason: str, authority: str) -> Draft:
        """End a freeze."""
        disclosed = {"reason": reason, "authority": authority}
        return self._draft(entries.HoldLifted, disclosed, (), input=source, u=units)

    def evidence_attached(self, ref: bytes, disclosed: Mapping[str, JsonValue]) -> Draft:
        """Put a document behind an entry; `disclosed` has kind, file (SHA-256), issuer and date."""
        return self._draft(entries.EvidenceAttached, disclosed, (), ref=entries.b64(ref))

    def corrected(self, ref: bytes, values: Mapping[str, JsonValue]) -> Draft:
        """Say metadata of an entry anew."""
        return self._draft(
            entries.RecordCorrected,
            values,
            (),
            ref=entries.b64(ref),
            fields=tuple(sorted(values)),
        )

    def certified(self, source: Source, certificate: str) -> Draft:
        """Note that a certificate was made for a holding."""
        return self._draft(
            entries.CertificateIssued,
            {"certificate": certificate},
            (),
            input=source.named(),
            asof=None,
        )

    def _moved(
        self, kind: type[AnyEntry], move: Move, disclosed: Mapping[str, JsonValue], **fields: Any
    ) -> Draft:
        secrets: list[Disclosure] = []
        out: list[entries.Output] = []
        for number, units in enumerate(move.whole.tile(move.moved)):
            owner = move.to if units == move.moved else move.owner
            secrets.append(self._owner(number, owner))
            out.append(
                entries.Output(u=units, o=secrets[-1].digest(), k="r" if owner is None else "t")
            )
        return self._draft(
            kind,
            disclosed,
            secrets,
            input=move.source.consumed(move.whole),
            out=tuple(out),
            **fields,
        )

    def _owner(self, number: int, owner: Party | None) -> Disclosure:
        name = entries.owner_field(number)
        value = None if owner is None else identity(owner)
        return Disclosure(name, self._token(entries.SALT_BYTES), value)

    def _draft(
        self,
        kind: type[AnyEntry],
        disclosed: Mapping[str, JsonValue],
        owners: Sequence[Disclosure],
        **fields: Any,
    ) -> Draft:
        secrets = [
            Disclosure(name, self._token(entries.SALT_BYTES), value)
            for name, value in disclosed.items()
        ]
        entry = kind(
            id=self._new_id(),
            lot=self._lot_id,
            at=self._at,
            sd={secret.field: secret.digest() for secret in secrets},
            **fields,
        )
        body = entries.encode(entry)
        return Draft(entry.id, body, entries.leaf_hash(body), (*secrets, *owners))


def identity(party: Party) -> dict[str, JsonValue]:
    """Give what an owner commitment commits to."""
    return {
        "country": entries.nfc(party.country),
        "id": str(party.id),
        "name": entries.nfc(party.name),
        "registration": entries.nfc(party.registration),
    }


class PreparedLine(msgspec.Struct, frozen=True):
    """What the register knows about a reservation about to be posted, read under the lot's lock.

    `holding` is the live holding it lies in, `declaration_hash` the owner's declaration over it.
    """

    reservation_id: UUID
    lot_id: UUID
    units: Units
    holder_id: UUID
    holding: Units
    source: Source
    declaration_hash: bytes


class DealParties(msgspec.Struct, frozen=True):
    """Who takes part in a deal."""

    deal_id: UUID
    operator: Party
    buyer: Party
    sellers: Mapping[UUID, Party]


def draft_deal(
    lines: Sequence[PreparedLine], parties: DealParties, scribe: Callable[[UUID], Scribe]
) -> tuple[Draft, ...]:
    """Write three entries per line: seller to operator, the operator's declaration, operator to buyer.

    The operator holds title for an instant and never installs anything, and says so: then every transfer
    in the log rests on a declaration of its giver, without exception (C08). A holding with several
    reserved intervals is cut once per line; each cut consumes the remainder the one before left.
    """
    pieces: dict[UUID, list[tuple[Units, Source]]] = {}
    drafts: list[Draft] = []
    for line in lines:
        live = pieces.setdefault(line.lot_id, [])
        if not any(units.covers(line.units) for units, _ in live):
            live.append((line.holding, line.source))
        whole, source = next(piece for piece in live if piece[0].covers(line.units))
        write = scribe(line.lot_id)
        purchase = Move(
            source, whole, line.units, parties.sellers[line.holder_id], parties.operator
        )
        bought = write.transferred(purchase, parties.deal_id, line.declaration_hash)
        transit = bought.outpoint(purchase.moved_no)
        declared = write.declared(
            transit,
            line.units,
            {"declarant": identity(parties.operator), "method": "never_installed"},
        )
        sale = Move(transit, line.units, line.units, parties.operator, parties.buyer)
        drafts += (bought, declared, write.transferred(sale, parties.deal_id, declared.leaf_hash))
        live.remove((whole, source))
        live += [
            (units, bought.outpoint(number))
            for number, units in enumerate(whole.tile(line.units))
            if units != line.units
        ]
    return tuple(drafts)
