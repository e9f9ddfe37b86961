"""Entries have one form, and every other is refused."""

import json
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from marketplace.register import entry
from marketplace.register.domain import Units
from marketplace.register.entry import Disclosure, NotCanonicalError

HASH = entry.b64(bytes(range(32)))
LOT = UUID("7c1b1f0a-2f0d-4f7a-9a51-0c1e7f9d6a10")
ID = UUID("01938000-0000-7000-8000-000000000001")
COMMON: dict[str, Any] = {"id": ID, "lot": LOT, "at": 1_795_600_000_000, "sd": {}}

names = st.sampled_from(sorted(entry.LotOpened.disclosed))
hashes = st.binary(min_size=32, max_size=32).map(entry.b64)
naturals = st.integers(0, entry.INTEGER_MAX)
intervals = st.tuples(st.integers(0, 2**31 - 2), st.integers(1, 2**31 - 1)).filter(
    lambda pair: pair[0] < pair[1]
)
units = intervals.map(lambda pair: Units(*pair))
outputs = st.builds(entry.Output, u=units, o=hashes, k=st.sampled_from(["t", "r"]))
moved: dict[str, Any] = {
    "id": st.uuids(),
    "lot": st.uuids(),
    "at": naturals,
    "input": st.builds(entry.Input, e=hashes, n=st.integers(0, 32_767), u=units),
    "out": st.lists(outputs, min_size=1, max_size=4).map(tuple),
}
transfers = st.builds(
    entry.Transfer,
    **moved,
    decl=hashes,
    sd=st.dictionaries(st.sampled_from(["deal", "document"]), hashes),
)
openings = st.builds(
    entry.LotOpened,
    id=st.uuids(),
    lot=st.uuids(),
    at=naturals,
    units=st.integers(1, 2**31 - 1),
    out=st.tuples(st.builds(entry.Genesis, u=units, o=hashes)),
    sd=st.dictionaries(names, hashes),
)
certificates = st.builds(
    entry.CertificateIssued,
    id=st.uuids(),
    lot=st.uuids(),
    at=naturals,
    input=st.builds(entry.Outpoint, e=hashes, n=st.integers(0, 32_767)),
    asof=st.none() | naturals,
    sd=st.just({}),
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(entry.nfc)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-entry.INTEGER_MAX, entry.INTEGER_MAX) | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abz_AZ09 .", max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def retirement(**fields: Any) -> entry.Retired:
    taken = entry.Input(e=HASH, n=0, u=Units(0, 5))
    left = (entry.Output(u=Units(0, 5), o=HASH, k="r"),)
    return entry.Retired(**{**COMMON, "input": taken, "out": left, **fields})


class TestEncode:
    @given(transfers | openings | certificates)
    def test_any_entry_has_the_bytes_rfc_8785_gives_it(self, value: entry.AnyEntry) -> None:
        body = entry.encode(value)

        assert rfc8785.dumps(json.loads(body)) == body

    @given(transfers | openings | certificates)
    def test_any_entry_reads_back_equal(self, value: entry.AnyEntry) -> None:
        assert entry.decode(entry.encode(value)) == value

    def test_a_known_entry_keeps_its_bytes_for_ever(self) -> None:
        body = entry.encode(retirement())

        assert body == (
            b'{"at":1795600000000,"id":"01938000-0000-7000-8000-000000000001",'
            b'"in":{"e":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","n":0,"u":[0,5]},'
            b'"lot":"7c1b1f0a-2f0d-4f7a-9a51-0c1e7f9d6a10","out":[{"k":"r",'
            b'"o":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","u":[0,5]}],"sd":{},'
            b'"type":"retired","v":1}'
        )

    def test_an_entry_too_large_for_a_tile_is_refused(self) -> None:
        out = (entry.Output(u=Units(0, 5), o=HASH, k="t"),) * 1000

        with pytest.raises(NotCanonicalError, match="at most 65535"):
            entry.encode(retirement(out=out))

    def test_a_commitment_the_type_does_not_have_is_refused(self) -> None:
        with pytest.raises(ValueError, match="unknown disclosures"):
            retirement(sd={"price": HASH})

    def test_a_correction_commits_to_the_fields_it_names(self) -> None:
        value = entry.RecordCorrected(
            **{**COMMON, "sd": {"metric": HASH}}, ref=HASH, fields=("metric",)
        )

        assert entry.decode(entry.encode(value)) == value


class TestDecode:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda b: b.replace(b'"v":1', b'"v":2'), "Invalid enum value"),
            (lambda b: b.replace(b'"type":"retired"', b'"type":"gifted"'), "gifted"),
            (lambda b: b.replace(b'"v":1', b'"v":1,"x":1'), "unknown field"),
            (lambda b: b.replace(b'"v":1', b'"v":1,"v":1'), "not the canonical form"),
            (lambda b: b.replace(b'"v":1', b'"v": 1'), "not the canonical form"),
            (lambda b: b.replace(b',"v":1', b""), "not the canonical form"),
            (lambda b: b.replace(b'"v":1', b'"v":1.0'), "got `float`"),
            (lambda b: b.replace(b"7c1b1f0a", b"7C1B1F0A"), "not the canonical form"),
            (lambda b: b.replace(b'"u":[0,5]', b'"u":[5,5]'), "not an interval"),
            (lambda b: b.replace(b'"u":[0,5]', b'"u":[0,5,6]'), "length"),
            (lambda b: b.replace(b'"u":[0,5]', b'"u":[-1,5]'), "not an interval"),
            (lambda b: b.replace(b"Hh8", b"Hh9"), "matching regex"),
            (lambda b: b.replace(b'"n":0', b'"n":32768'), "<= 32767"),
            (lambda b: b.replace(b'"sd":{}', b'"sd":{"price":"x"}'), "matching regex"),
            (lambda b: b[:-1], "truncated"),
            (lambda b: b + b" ", "not the canonical form"),
            (lambda b: b"\xff" + b, "malformed"),
            (lambda b: b + b" " * 65_536, "at most 65535"),
            (lambda b: b.replace(b"retired", b"ret\xff"), "unicode|utf-8|codec"),
        ],
    )
    def test_any_other_spelling_is_refused(self, change: Any, reason: str) -> None:
        with pytest.raises(NotCanonicalError, match=reason):
            entry.decode(change(entry.encode(retirement())))

    @given(transfers, st.data())
    def test_no_changed_byte_reads_as_the_same_entry(
        self, value: entry.Transfer, data: st.DataObject
    ) -> None:
        body = bytearray(entry.encode(value))
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] ^= data.draw(st.integers(1, 255))

        try:
            read = entry.decode(bytes(body))
        except NotCanonicalError:
            return
        assert read != value


class TestCanonical:
    @given(values)
    def test_any_value_has_the_bytes_rfc_8785_gives_it(self, value: Any) -> None:
        assert entry.canonical(value) == rfc8785.dumps(value)

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (1.5, "float has no place"),
            (2**53, "53 bits"),
            (-(2**53), "53 bits"),
            ({"ä": 1}, "not ASCII"),
            ({1: 2}, "not ASCII"),
            ({"a\0": 1}, "NUL"),
            (["u\u0308"], "normal form C"),
            ("a\0", "NUL"),
            ("\ud800", "surrogate"),
            ((b"x",), "bytes has no place"),
        ],
    )
    def test_what_lies_outside_the_profile_is_refused(self, value: Any, reason: str) -> None:
        with pytest.raises(NotCanonicalError, match=reason):
            entry.canonical(value)


class TestDisclosure:
    def test_the_digest_is_the_one_of_rfc_9901(self) -> None:
        # The example of RFC 9901 section 4.2.3 spells its JSON with spaces, so only hashing is compared.
        disclosure = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"

        assert entry.digest(disclosure) == "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"

    def test_the_text_opens_as_salt_name_and_value(self) -> None:
        secret = Disclosure("metric", bytes(16), "user")

        assert json.loads(entry.unb64(secret.text())) == [entry.b64(bytes(16)), "metric", "user"]

    def test_a_digest_depends_on_salt_name_and_value(self) -> None:
        digests = {
            Disclosure("metric", bytes(16), "user").digest(),
            Disclosure("product", bytes(16), "user").digest(),
            Disclosure("metric", bytes(16), "device").digest(),
            Disclosure("metric", b"\1" * 16, "user").digest(),
        }

        assert len(digests) == 4

    @pytest.mark.parametrize(
        ("field", "salt"), [("metric", bytes(15)), ("Metric", bytes(16)), ("", bytes(16))]
    )
    def test_a_short_salt_or_odd_name_is_refused(self, field: str, salt: bytes) -> None:
        with pytest.raises(NotCanonicalError):
            Disclosure(field, salt, "user")


class TestCommitments:
    def test_owners_of_outputs_and_named_fields_are_all_found(self) -> None:
        value = retirement(sd={"reason": HASH})

        assert entry.commitments(value) == {"reason": HASH, "owner.0": HASH}

    def test_an_entry_without_outputs_has_its_fields_only(self) -> None:
        value = entry.EvidenceAttached(**{**COMMON, "sd": {"file": HASH}}, ref=HASH)

        assert entry.commitments(value) == {"file": HASH}


class TestLeafHash:
    def test_the_empty_leaf_is_the_one_of_rfc_6962(self) -> None:
        expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

        assert entry.leaf_hash(b"").hex() == expected

    @given(st.binary())
    def test_base64url_reads_back(self, data: bytes) -> None:
        assert entry.unb64(entry.b64(data)) == data
