"""Numbers and codes, who sees how much of a certificate, and its end."""

import string
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.certificates.domain.certificate import (
    CODE_BYTES,
    Certificate,
    Paper,
    Reader,
    Status,
    code_of,
    normal_code,
    number_of,
    public_facts,
    revoke,
    shown_to,
)
from marketplace.documents.registry import CERTIFICATE
from marketplace.kernel.errors import Conflict
from marketplace.transfers.domain import Disclosure
from tests.support.facts import BUYER_ID, FIRST_ID, NOW, OPERATOR_ID, SELLER_ID, composed, posted

CHECKED_AT: Final = datetime(2027, 1, 2, tzinfo=UTC)
FULL: Final = composed(posted(owners=(FIRST_ID, SELLER_ID, OPERATOR_ID)))
MASKED: Final = composed(
    posted(
        owners=(FIRST_ID, SELLER_ID, OPERATOR_ID),
        signing={"disclosure": Disclosure.MASKED, "licence_servers": ("RDLIC01",)},
    )
)
BUYER, SELLER, FIRST = "Käufer & Söhne KG", "Nordlicht Maschinenbau GmbH", "Erstkäuferin SE"
ISSUED: Final = Certificate(
    id=UUID(int=9),
    number=FULL.number,
    code=FULL.verification.code,
    transfer_id=UUID(int=1),
    order_id=UUID(int=2),
    holder_id=BUYER_ID,
    seller_id=SELLER_ID,
    lot_id=UUID(int=4),
    facts=FULL,
    issued_at=NOW,
)


class TestNumber:
    def test_number_shows_year_and_random_bits_of_the_id(self) -> None:
        certificate_id = UUID("01890000-0000-7000-8000-007f3a09c211")
        assert number_of(certificate_id, NOW) == "CES-2026-7F3A-09C2-11"

    def test_number_fits_what_the_paper_takes(self) -> None:
        view = msgspec.structs.replace(FULL, number=number_of(uuid4(), NOW))
        assert CERTIFICATE.read(CERTIFICATE.write(view)) == view


class TestCode:
    @given(random=st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
    def test_code_is_four_groups_of_unmistakable_letters(self, random: bytes) -> None:
        code = code_of(random)
        assert [len(group) for group in code.split("-")] == [6, 6, 6, 6]
        assert set(code) <= set(string.ascii_uppercase + "234567-")
        assert normal_code(code) == code

    @given(
        random=st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES),
        lower=st.booleans(),
        between=st.sampled_from(["", "-", " ", " - ", "\u2013", "\n", "."]),
        digits=st.booleans(),
    )
    def test_code_is_read_as_people_type_it(
        self,
        random: bytes,
        lower: bool,  # noqa: FBT001 - hypothesis passes it by name
        between: str,
        digits: bool,  # noqa: FBT001 - as above
    ) -> None:
        code = code_of(random)
        typed = between.join(code.replace("-", ""))
        if digits:
            typed = typed.translate(str.maketrans("OIB", "018"))
        assert normal_code(f"  {typed.lower() if lower else typed}") == code

    def test_two_codes_of_other_bytes_differ(self) -> None:
        assert code_of(b"\0" * CODE_BYTES) != code_of(b"\0" * (CODE_BYTES - 1) + b"\1")

    @given(text=st.text(max_size=200))
    def test_any_text_becomes_something_harmless(self, text: str) -> None:
        code = normal_code(text)
        assert len(code) <= 27
        assert set(code) <= set(string.ascii_uppercase + "234567" + "9" + "-")
        assert normal_code(code) == code


class TestWhatIsShown:
    def test_holder_and_partner_see_everything_that_is_not_withheld(self) -> None:
        for reader in (Reader.HOLDER, Reader.PARTNER, Reader.STAFF):
            assert shown_to(FULL, reader) == FULL

    def test_seller_does_not_learn_who_bought(self) -> None:
        shown = CERTIFICATE.write(shown_to(FULL, Reader.SELLER)).decode()
        assert BUYER not in shown
        assert SELLER in shown
        assert "ord_" not in shown

    def test_seller_gets_the_sellers_paper(self) -> None:
        assert shown_to(FULL, Reader.SELLER).audience == "seller"
        assert shown_to(FULL, Reader.HOLDER).audience == "buyer"

    @pytest.mark.parametrize("reader", [Reader.HOLDER, Reader.PARTNER])
    def test_withheld_acquirer_and_seller_are_references_only(self, reader: Reader) -> None:
        view = shown_to(MASKED, reader)
        shown = CERTIFICATE.write(view).decode()
        assert FIRST not in shown
        assert SELLER not in shown
        assert "71830452" not in shown  # the agreement number names the acquirer to the rightholder
        assert "RDLIC01" not in shown
        assert view.seller.reference == MASKED.seller.reference
        assert BUYER in shown

    def test_staff_and_the_seller_itself_see_who_it_was(self) -> None:
        assert shown_to(MASKED, Reader.STAFF) == MASKED
        assert SELLER in CERTIFICATE.write(shown_to(MASKED, Reader.SELLER)).decode()

    @pytest.mark.parametrize("reader", list(Reader))
    @pytest.mark.parametrize("facts", [FULL, MASKED])
    def test_masked_facts_still_add_up(self, reader: Reader, facts: object) -> None:
        assert isinstance(facts, type(FULL))
        view = shown_to(facts, reader)
        assert CERTIFICATE.read(CERTIFICATE.write(view)) == view


class TestPublicFacts:
    def test_only_the_operator_is_named(self) -> None:
        told = public_facts(FULL, Status.ISSUED, None, CHECKED_AT)
        written = msgspec.json.encode(told).decode()
        assert told.operator == "Cession Operations GmbH"
        for secret in (BUYER, SELLER, FIRST, "71830452", "cmp_", "trf_", "dcl_", "Ines"):
            assert secret not in written

    def test_licences_state_and_moment_are_told(self) -> None:
        told = public_facts(FULL, Status.REVOKED, "declaration withdrawn", CHECKED_AT)
        assert (told.product, told.version, told.metric) == ("Windows Server CAL", "2019", "user")
        assert (told.quantity, told.links) == (50, 4)
        assert (told.status, told.status_reason) == (Status.REVOKED, "declaration withdrawn")
        assert told.checked_at == CHECKED_AT


class TestRevoke:
    def test_reason_is_kept(self) -> None:
        revoked = revoke(ISSUED, "declaration withdrawn")
        assert (revoked.status, revoked.status_reason) == (Status.REVOKED, "declaration withdrawn")

    @pytest.mark.parametrize("status", [Status.REVOKED, Status.SUPERSEDED])
    def test_what_has_ended_stays_as_it_ended(self, status: Status) -> None:
        ended = msgspec.structs.replace(ISSUED, status=status)
        with pytest.raises(Conflict, match=status.value):
            revoke(ended, "again")


class TestVersion:
    def test_each_paper_and_the_end_count(self) -> None:
        paper = Paper("en", "holder", 1, "0" * 64)
        printed = msgspec.structs.replace(ISSUED, papers=(paper,))
        versions = [ISSUED.version, printed.version, revoke(printed, "why").version]
        assert versions == [1, 2, 3]
