"""VAT by country and day."""

from datetime import date

import pytest

from marketplace.kernel.errors import Conflict
from marketplace.quotes.domain.vat import (
    REVERSE_CHARGE_WORDING,
    Taxpayer,
    Treatment,
    Vat,
    eu_countries,
    rate_on,
    vat_on,
)

TODAY = date(2026, 11, 25)


def taxed(country: str, vat_id: str | None = None, *, valid: bool = True, on: date = TODAY) -> Vat:
    return vat_on(10_000, "DE", Taxpayer(country, vat_id, valid), on)


class TestRateOn:
    @pytest.mark.parametrize(
        ("country", "on", "rate_bp"),
        [
            ("DE", TODAY, 1900),
            ("FI", TODAY, 2550),
            ("LU", TODAY, 1700),
            ("HU", TODAY, 2700),
            ("SK", TODAY, 2300),
            ("EE", date(2024, 1, 1), 2200),
            ("EE", date(2025, 6, 30), 2200),
            ("EE", date(2025, 7, 1), 2400),
            ("RO", date(2025, 7, 31), 1900),
            ("RO", date(2025, 8, 1), 2100),
        ],
    )
    def test_rate_is_that_of_the_day(self, country: str, on: date, rate_bp: int) -> None:
        rate = rate_on(country, on)
        assert rate is not None
        assert rate.rate_bp == rate_bp
        assert rate.confirmed

    def test_rate_before_the_table_begins_is_unknown(self) -> None:
        assert rate_on("DE", date(2024, 12, 31)) is None
        assert rate_on("EE", date(2023, 12, 31)) is None

    def test_rate_of_a_country_outside_the_table_is_unknown(self) -> None:
        assert rate_on("US", TODAY) is None

    @pytest.mark.parametrize("country", ["CH", "GB"])
    def test_rate_outside_the_union_is_not_confirmed(self, country: str) -> None:
        rate = rate_on(country, TODAY)
        assert rate is not None
        assert not rate.confirmed

    def test_every_member_state_has_a_rate_today(self) -> None:
        assert len(eu_countries()) == 27
        for country in eu_countries():
            rate = rate_on(country, TODAY)
            assert rate is not None
            assert 1700 <= rate.rate_bp <= 2700


class TestVatOn:
    def test_domestic_customer_pays_the_standard_rate(self) -> None:
        vat = taxed("DE")
        assert (vat.treatment, vat.rule, vat.rate_bp) == (Treatment.DOMESTIC, "V-04", 1900)
        assert (vat.amount_minor, vat.confirmed, vat.wording_code) == (1900, True, None)

    def test_half_a_cent_is_rounded_up(self) -> None:
        assert vat_on(50, "DE", Taxpayer("DE", None, vat_id_valid=False), TODAY).amount_minor == 10

    def test_customer_in_another_member_state_owes_the_tax_itself(self) -> None:
        vat = taxed("AT", "ATU12345675")
        assert (vat.treatment, vat.rule, vat.rate_bp) == (Treatment.REVERSE_CHARGE, "V-03", 0)
        assert (vat.amount_minor, vat.confirmed) == (0, True)
        assert vat.wording_code == "vat.reverse_charge"
        assert set(REVERSE_CHARGE_WORDING) >= {"en", "de"}

    def test_customer_in_another_member_state_without_vat_id_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            taxed("FR")
        assert refused.value.code == "vat_id.missing"

    def test_customer_in_another_member_state_with_a_malformed_vat_id_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            taxed("FR", "FR00", valid=False)
        assert refused.value.code == "vat_id.invalid"

    @pytest.mark.parametrize("country", ["GB", "CH", "NO", "US"])
    def test_customer_outside_the_union_is_never_called_settled(self, country: str) -> None:
        vat = taxed(country, "GB123")
        assert (vat.treatment, vat.rule) == (Treatment.OUTSIDE_EU, "V-08")
        assert (vat.amount_minor, vat.confirmed) == (0, False)

    def test_operator_outside_the_union_charges_an_unconfirmed_rate_at_home(self) -> None:
        vat = vat_on(10_000, "GB", Taxpayer("GB", None, vat_id_valid=False), TODAY)
        assert (vat.amount_minor, vat.confirmed) == (2000, False)

    def test_day_without_a_known_rate_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            taxed("DE", on=date(2020, 7, 1))
        assert refused.value.code == "vat.rate_unknown"
