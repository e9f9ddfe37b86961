"""What a company says about itself and what becomes of it, without a database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, Malformed
from marketplace.licensing.zones import Zone
from marketplace.parties import domain
from marketplace.parties.domain import Address, Company, CompanyKind
from marketplace.parties.events import (
    CompanyRegistered,
    CompanyVerificationEnded,
    CompanyVerified,
)
from tests.support.parties import facts

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
AN_ID = UUID(int=7)


def registered(kind: CompanyKind = CompanyKind.COMPANY) -> Company:
    return domain.register(AN_ID, kind, facts(), NOW)[0]


def verified() -> Company:
    return domain.verify(registered(), NOW)[0]


class TestVatId:
    @pytest.mark.parametrize(
        ("country", "text", "stored"),
        [
            ("DE", "DE136695976", "DE136695976"),
            ("DE", "de 136.695-976", "DE136695976"),
            ("AT", "ATU13585627", "ATU13585627"),
            ("FR", "FR40303265045", "FR40303265045"),
            ("GR", "EL 094259216", "EL094259216"),
            ("GB", "GB980780684", "GB980780684"),
            ("GB", "XI980780684", "XI980780684"),
            ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
            ("NO", "NO995525828MVA", "NO995525828MVA"),
            ("IE", "IE6433435F", "IE6433435F"),
        ],
    )
    def test_right_number_is_stored_without_punctuation(
        self, country: str, text: str, stored: str
    ) -> None:
        assert domain.check_vat_id(country, text) == (stored, True)

    @pytest.mark.parametrize(
        ("country", "text"),
        [
            ("DE", "DE136695977"),
            ("DE", "136695976"),
            ("DE", "ATU13585627"),
            ("AT", "AT13585627"),
            ("GR", "GR094259216"),
            ("CH", "CHE107787578IVA"),
            ("CH", "CH107787577"),
            ("DE", ""),
            ("DE", "DE"),
            ("DE", "DE1366959761234567890"),
            ("DE", "DE\u0661\u0663\u0666\u0666\u0669\u0665\u0669\u0667\u0666"),
            ("US", "US12-345678é"),
        ],
    )
    def test_wrong_number_or_country_is_refused(self, country: str, text: str) -> None:
        with pytest.raises(Malformed) as refused:
            domain.check_vat_id(country, text)
        assert refused.value.code == "company.vat_id_invalid"
        assert refused.value.fields[0].pointer == "/vat_id"

    def test_unknown_format_is_kept_and_said_to_be_unchecked(self) -> None:
        assert domain.check_vat_id("US", "US 12-3456789") == ("US123456789", False)

    @given(st.sampled_from(["DE", "FR", "GB", "CH", "US", "ZZ"]), st.text(max_size=30))
    def test_any_text_is_read_or_refused(self, country: str, text: str) -> None:
        try:
            stored, _ = domain.check_vat_id(country, text)
        except Malformed:
            return
        assert stored.isascii()
        assert stored.isalnum()


class TestRegister:
    def test_company_waits_for_verification(self) -> None:
        company, events = domain.register(AN_ID, CompanyKind.COMPANY, facts(), NOW)
        assert company.verified_at is None
        assert company.version == 1
        assert company.zone is Zone.EEA
        assert company.vat_id_format_valid
        assert events == (CompanyRegistered(company_id=AN_ID),)

    def test_operator_answers_for_itself(self) -> None:
        assert registered(CompanyKind.OPERATOR).verified_at == NOW

    @pytest.mark.parametrize(
        ("country", "zone"),
        [("FR", Zone.EEA), ("NO", Zone.EEA), ("GB", Zone.UK), ("CH", Zone.CH), ("US", Zone.OTHER)],
    )
    def test_zone_follows_from_the_country(self, country: str, zone: Zone) -> None:
        company, _ = domain.register(
            AN_ID, CompanyKind.COMPANY, facts(country=country, vat_id=None), NOW
        )
        assert company.zone is zone
        assert not company.vat_id_format_valid

    def test_white_space_is_tidied(self) -> None:
        said = facts(
            legal_name="  Nordlicht   GmbH ",
            register_number=" HRB  1",
            address=Address(lines=(" Hafen  1 ",), postcode=" 20 457 ", city=" Hamburg "),
        )
        company, _ = domain.register(AN_ID, CompanyKind.COMPANY, said, NOW)
        assert company.legal_name == "Nordlicht GmbH"
        assert company.register_number == "HRB 1"
        assert company.address == Address(lines=("Hafen 1",), postcode="20 457", city="Hamburg")

    @pytest.mark.parametrize(
        ("said", "pointer"),
        [
            (facts(legal_name="  "), "/legal_name"),
            (facts(register_number=" "), "/register_number"),
            (facts(address=Address(("a", " "), "1", "b")), "/address/lines/1"),
            (facts(address=Address(("a",), "1", "\u00a0")), "/address/city"),
        ],
    )
    def test_white_space_alone_is_no_fact(self, said: domain.CompanyFacts, pointer: str) -> None:
        with pytest.raises(Malformed) as refused:
            domain.register(AN_ID, CompanyKind.COMPANY, said, NOW)
        assert refused.value.fields[0].pointer == pointer


class TestChange:
    def test_same_facts_change_nothing(self) -> None:
        company = verified()
        assert domain.change(company, facts()) == (company, ())

    def test_new_address_keeps_the_verification(self) -> None:
        company = verified()
        moved = Address(lines=("Kai 3",), postcode="28195", city="Bremen")
        changed, events = domain.change(company, facts(address=moved))
        assert changed.address == moved
        assert changed.verified_at == NOW
        assert changed.version == company.version + 1
        assert events == ()

    @pytest.mark.parametrize(
        "said",
        [
            facts(legal_name="Südlicht GmbH"),
            facts(register_number="Bremen HRB 9"),
            facts(country="AT", vat_id="ATU13585627"),
            facts(vat_id=None),
        ],
    )
    def test_new_legal_fact_ends_the_verification(self, said: domain.CompanyFacts) -> None:
        changed, events = domain.change(verified(), said)
        assert changed.verified_at is None
        assert events == (CompanyVerificationEnded(company_id=AN_ID),)

    def test_unverified_company_has_nothing_to_lose(self) -> None:
        changed, events = domain.change(registered(), facts(legal_name="Südlicht GmbH"))
        assert changed.legal_name == "Südlicht GmbH"
        assert events == ()

    def test_operator_stays_verified(self) -> None:
        changed, events = domain.change(
            registered(CompanyKind.OPERATOR), facts(legal_name="Cession SE")
        )
        assert changed.verified_at == NOW
        assert events == ()


class TestVerification:
    def test_verified_company_may_trade(self) -> None:
        company, events = domain.verify(registered(), NOW)
        domain.require_tradable(company)
        assert company.version == 2
        assert events == (CompanyVerified(company_id=AN_ID),)

    def test_unverified_company_may_not_trade(self) -> None:
        with pytest.raises(Conflict) as refused:
            domain.require_tradable(registered())
        assert refused.value.code == "company.not_verified"

    def test_twice_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            domain.verify(verified(), NOW)
        assert refused.value.code == "company.already_verified"

    def test_is_revoked(self) -> None:
        company, events = domain.revoke_verification(verified())
        assert company.verified_at is None
        assert company.version == 3
        assert events == (CompanyVerificationEnded(company_id=AN_ID),)

    def test_cannot_be_revoked_without_one(self) -> None:
        with pytest.raises(Conflict) as refused:
            domain.revoke_verification(registered())
        assert refused.value.code == "company.not_verified"

    def test_operator_cannot_lose_it(self) -> None:
        with pytest.raises(Conflict) as refused:
            domain.revoke_verification(registered(CompanyKind.OPERATOR))
        assert refused.value.code == "company.is_operator"

    def test_value_cannot_be_changed_in_place(self) -> None:
        with pytest.raises(AttributeError):
            registered().verified_at = NOW  # type: ignore[misc] # the test is that this fails
