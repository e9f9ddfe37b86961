"""Log entries: their types, their canonical bytes, and the commitments inside them.

An entry is hashed as stored and never re-encoded by whoever verifies it, so what is stored must have
exactly one form: RFC 8785 (JCS), restricted to ASCII keys, integers below 2^53, no floats, and NFC
strings without NUL. Within those limits msgspec's sorted encoder and an RFC 8785 implementation give
the same bytes (`tests/register/test_entry.py` holds them against each other). The decoder accepts
nothing else: it decodes, encodes again and compares.

Values never stand in an entry. Each is committed to under its name as an SD-JWT disclosure (RFC 9901
section 4.2) with 16 random bytes of its own, so one can be shown, or erased, without the others.
"""

import hashlib
import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.register.domain import HolderKind, Units

ENTRY_BYTES_MAX: Final = 65_535
"""An entry's length is a uint16 in a tile of entries (C2SP tlog-tiles)."""
SALT_BYTES: Final = 16
INTEGER_MAX: Final = 2**53 - 1
_LEAF_PREFIX: Final = b"\x00"
_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,39}")

JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""What a disclosure may hold: JSON without fractions."""

# 32 bytes in base64url: the last letter carries four bits only, so it is one of sixteen.
Hash = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
Natural = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
OutputNo = Annotated[int, Meta(ge=0, le=32_767)]


class NotCanonicalError(ValueError):
    """The value or the bytes lie outside the one permitted form."""


def b64(data: bytes) -> str:
    """Write bytes as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Read base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def nfc(text: str) -> str:
    """Bring text into the one normal form an entry may commit to."""
    return unicodedata.normalize("NFC", text)


def leaf_hash(body: bytes) -> bytes:
    """Hash an entry as a leaf of the log (RFC 6962 section 2.1)."""
    return hashlib.sha256(_LEAF_PREFIX + body).digest()


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Outpoint(_Part, frozen=True):
    """Output `n` of the entry with leaf hash `e`: a hash pointer, so a chain verifies without the log."""

    e: Hash
    n: OutputNo


class Input(_Part, frozen=True):
    """The holding an entry consumes whole: its outpoint and its units."""

    e: Hash
    n: OutputNo
    u: Units


class Genesis(_Part, frozen=True):
    """The first output of a lot; `o` commits to the owner."""

    u: Units
    o: Hash


class Output(_Part, frozen=True):
    """A new holding. `o` is fresh for every output, so a company cannot be followed from entry to entry."""

    u: Units
    o: Hash
    k: HolderKind


class Entry(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What all entries have: version, id (the writer's idempotency key), lot, advisory time, commitments.

    `at` is milliseconds UTC by the writer's clock; the order of the log rules, not this.
    """

    disclosed: ClassVar[frozenset[str]] = frozenset()
    """The names that may appear in `sd`; owners of outputs are committed to in the outputs."""

    id: UUID
    lot: UUID
    at: Natural
    sd: dict[str, Hash]
    v: Literal[1] = 1

    def __post_init__(self) -> None:
        """Refuse commitments this type of entry does not have."""
        unknown = self.sd.keys() - self.names()
        if unknown:
            raise ValueError(f"unknown disclosures {sorted(unknown)}")

    def names(self) -> Iterable[str]:
        """Give the names that may stand in `sd`."""
        return self.disclosed


class LotOpened(Entry, frozen=True, kw_only=True, tag="lot.opened"):
    """A lot begins: the rightholder's first sale was attested, and its acquirer holds all units."""

    disclosed = frozenset(
        {
            "product",
            "metric",
            "agreement",
            "acquirer",
            "first_sale_document",
            "territory",
            "attestor",
        }
    )

    units: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    out: tuple[Genesis]


class EvidenceAttached(Entry, frozen=True, kw_only=True, tag="evidence.attached"):
    """A document stands behind entry `ref`; the file itself is in the document store."""

    disclosed = frozenset({"kind", "file", "issuer", "date"})

    ref: Hash


class DeclarationDestroyed(Entry, frozen=True, kw_only=True, tag="declaration.destroyed"):
    """The holder of `in` declared its copies of `u` unusable: nothing is transferred without it (C07, C08)."""

    disclosed = frozenset({"declarant", "document", "method", "date"})

    input: Outpoint = msgspec.field(name="in")
    u: Units


class _Move(Entry, frozen=True, kw_only=True):
    input: Input = msgspec.field(name="in")
    out: Annotated[tuple[Output, ...], Meta(min_length=1)]


class Transfer(_Move, frozen=True, kw_only=True, tag="transfer"):
    """Title moves. No seller is named: the seller is the owner of `in`. `decl` is its declaration."""

    disclosed = frozenset({"deal", "document"})

    decl: Hash


class Retired(_Move, frozen=True, kw_only=True, tag="retired"):
    """Units are surrendered: the outputs of kind `r` can never be spent."""

    disclosed = frozenset({"reason"})


class Reversal(_Move, frozen=True, kw_only=True, tag="reversal"):
    """A compensating move back; `reverses` is the entry whose effect it undoes, which stays where it is."""

    disclosed = frozenset({"reason", "evidence"})

    reverses: Hash


class HoldPlaced(Entry, frozen=True, kw_only=True, tag="hold.placed"):
    """Units are frozen (dispute, order of an authority). Moves no title."""

    disclosed = frozenset({"reason", "authority"})

    input: Outpoint = msgspec.field(name="in")
    u: Units


class HoldLifted(Entry, frozen=True, kw_only=True, tag="hold.lifted"):
    """A freeze ends."""

    disclosed = frozenset({"reason", "authority"})

    input: Outpoint = msgspec.field(name="in")
    u: Units


class RecordCorrected(Entry, frozen=True, kw_only=True, tag="record.corrected"):
    """Metadata of entry `ref` was wrong; `fields` lists what is said anew. Units and owners cannot be corrected."""

    ref: Hash
    fields: Annotated[tuple[str, ...], Meta(min_length=1)]

    def names(self) -> Iterable[str]:
        """Give exactly the corrected fields."""
        return self.fields


class CertificateIssued(Entry, frozen=True, kw_only=True, tag="certificate.issued"):
    """A certificate was made for the holding `in`. `asof` is the size of the log it quotes, if it quotes one."""

    disclosed = frozenset({"certificate"})

    input: Outpoint = msgspec.field(name="in")
    asof: Natural | None


AnyEntry: TypeAlias = (
    LotOpened
    | EvidenceAttached
    | DeclarationDestroyed
    | Transfer
    | Retired
    | Reversal
    | HoldPlaced
    | HoldLifted
    | RecordCorrected
    | CertificateIssued
)

_encoder: Final = msgspec.json.Encoder(order="sorted")
_decoder: Final = msgspec.json.Decoder(AnyEntry)


def encode(entry: AnyEntry) -> bytes:
    """Give the canonical bytes of an entry.

    Raises:
        NotCanonicalError: it is larger than a log entry may be.
    """
    body = _encoder.encode(entry)
    if len(body) > ENTRY_BYTES_MAX:
        raise NotCanonicalError(f"entry of {len(body)} bytes, at most {ENTRY_BYTES_MAX}")
    return body


def decode(body: bytes) -> AnyEntry:
    """Read canonical bytes; anything else is refused: unknown types and fields, duplicates, other spellings.

    Raises:
        NotCanonicalError: says why.
    """
    if len(body) > ENTRY_BYTES_MAX:
        raise NotCanonicalError(f"entry of {len(body)} bytes, at most {ENTRY_BYTES_MAX}")
    try:
        entry: AnyEntry = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotCanonicalError(str(error)) from error
    if _encoder.encode(entry) != body:
        raise NotCanonicalError("the bytes are not the canonical form of their content")
    return entry


def canonical(value: JsonValue) -> bytes:
    """Encode a disclosed value canonically.

    Raises:
        NotCanonicalError: it holds a fraction, too large an integer, or text that is not NFC.
    """
    _check_profile(value)
    return _encoder.encode(value)


def _check_profile(value: Any) -> None:
    match value:
        case None | bool():
            pass
        case int():
            if abs(value) > INTEGER_MAX:
                raise NotCanonicalError(f"integer {value} does not fit into 53 bits")
        case str():
            _check_text(value)
        case dict():
            for key, inner in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    raise NotCanonicalError(f"key {key!r} is not ASCII text")
                _check_text(key)
                _check_profile(inner)
        case list() | tuple():
            for inner in value:
                _check_profile(inner)
        case _:
            raise NotCanonicalError(f"{type(value).__name__} has no place in an entry")


def _check_text(text: str) -> None:
    if not unicodedata.is_normalized("NFC", text):
        raise NotCanonicalError("text must be in normal form C")
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise NotCanonicalError("text must not hold NUL or half a surrogate pair")


class Disclosure(msgspec.Struct, frozen=True):
    """A named value with its salt: what opens one commitment of one entry.

    The name is part of what is hashed, so a disclosure cannot be moved to another field.
    """

    field: str
    salt: bytes
    value: JsonValue

    def __post_init__(self) -> None:
        """Refuse short salts and names that are no names."""
        if len(self.salt) != SALT_BYTES:
            raise NotCanonicalError(f"a salt has {SALT_BYTES} bytes")
        if not _NAME.fullmatch(self.field):
            raise NotCanonicalError(f"{self.field!r} is not a field name")

    def text(self) -> str:
        """Write it as an SD-JWT disclosure: base64url of `[salt, name, value]`."""
        return b64(canonical([b64(self.salt), self.field, self.value]))

    def digest(self) -> str:
        """Give the commitment that stands in the entry."""
        return digest(self.text())


def digest(disclosure: str) -> str:
    """Hash an SD-JWT disclosure text (RFC 9901 section 4.2.3)."""
    return b64(hashlib.sha256(disclosure.encode("ascii")).digest())


def owner_field(out_no: int) -> str:
    """Name the commitment to the owner of output `out_no`."""
    return f"owner.{out_no}"


def commitments(entry: AnyEntry) -> dict[str, str]:
    """Give every commitment of an entry by name: `sd`, and the owners of its outputs."""
    owners = {}
    if isinstance(entry, LotOpened | Transfer | Retired | Reversal):
        out: Sequence[Genesis | Output] = entry.out
        owners = {owner_field(number): output.o for number, output in enumerate(out)}
    return {**entry.sd, **owners}
