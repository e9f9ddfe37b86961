"""VAT on what the operator sells to a business (domain notes 5, V-01 to V-04, V-08).

A licence handed over electronically is a service (V-01), taxed where the customer is established (V-02). So a customer
in the operator's own country pays that country's standard rate (V-04); one in another member state owes the tax itself
(V-03, reverse charge) and must have a VAT id; for anybody else the answer needs a local check and is marked
unconfirmed (V-08). This is a preview: the invoice states the tax again, for its own date.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from marketplace.kernel.errors import Conflict
from marketplace.kernel.money import share_half_up

REVERSE_CHARGE_WORDING: Final[Mapping[str, str]] = {
    "en": "Reverse charge",
    "de": "Steuerschuldnerschaft des Leistungsempfängers",
}
"""The words an invoice must carry (Art. 226 of the VAT directive, V-03), by language."""


class Treatment(StrEnum):
    """Who owes the tax."""

    DOMESTIC = "domestic"
    REVERSE_CHARGE = "reverse_charge"
    OUTSIDE_EU = "outside_eu"


_RULE_OF: Final[Mapping[Treatment, str]] = {
    Treatment.DOMESTIC: "V-04",
    Treatment.REVERSE_CHARGE: "V-03",
    Treatment.OUTSIDE_EU: "V-08",
}


class Taxpayer(msgspec.Struct, frozen=True):
    """What VAT needs to know about the customer; `vat_id_valid` is the check of the number's format."""

    country: str
    vat_id: str | None
    vat_id_valid: bool


class Vat(msgspec.Struct, frozen=True, kw_only=True):
    """The tax on one amount. `confirmed` is false where a local check must decide: then the amount is no promise.

    `rate_bp` is the standard rate in basis points, 0 where the operator charges no tax.
    """

    treatment: Treatment
    rule: str
    rate_bp: int
    amount_minor: int
    confirmed: bool
    country: str
    on: date

    @property
    def wording_code(self) -> str | None:
        """Give the code of the words the invoice must carry, or None."""
        return "vat.reverse_charge" if self.treatment is Treatment.REVERSE_CHARGE else None


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A standard rate and the first day it applies."""

    valid_from_on: date = msgspec.field(name="from")
    rate_bp: int
    sources: tuple[str, ...]
    confirmed: bool = True


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    eu: frozenset[str]
    rates: dict[str, tuple[Rate, ...]]


@cache
def _table() -> _File:
    file = resources.files("marketplace.quotes.domain").joinpath("vat_rates.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)


def eu_countries() -> frozenset[str]:
    """Give the member states, as ISO 3166 codes."""
    return _table().eu


def rate_on(country: str, on: date) -> Rate | None:
    """Give the standard rate of a country on a day, or None when it is not known."""
    valid = [rate for rate in _table().rates.get(country, ()) if rate.valid_from_on <= on]
    return max(valid, key=lambda rate: rate.valid_from_on, default=None)


def vat_on(amount_minor: int, operator_country: str, customer: Taxpayer, on: date) -> Vat:
    """Work out the tax on a net amount; half a minor unit is rounded up, once, on the whole amount.

    Raises:
        Conflict: `vat_id.missing` or `vat_id.invalid` for a customer in another member state, since without a VAT id
            it is not known to be a business; `vat.rate_unknown` when the rate of the day is not in the table.
    """
    treatment = _treatment(operator_country, customer.country)
    rate_bp, confirmed = 0, treatment is Treatment.REVERSE_CHARGE
    if treatment is Treatment.DOMESTIC:
        rate = rate_on(operator_country, on)
        if rate is None:
            raise Conflict(
                "vat.rate_unknown",
                f"The standard VAT rate of {operator_country} on {on} is not in our table; ask the operator to add it.",
            )
        rate_bp, confirmed = rate.rate_bp, rate.confirmed
    elif treatment is Treatment.REVERSE_CHARGE:
        _require_vat_id(customer)
    return Vat(
        treatment=treatment,
        rule=_RULE_OF[treatment],
        rate_bp=rate_bp,
        amount_minor=share_half_up(amount_minor, rate_bp),
        confirmed=confirmed,
        country=customer.country,
        on=on,
    )


def _treatment(operator_country: str, customer_country: str) -> Treatment:
    if customer_country == operator_country:
        return Treatment.DOMESTIC
    if {operator_country, customer_country} <= eu_countries():
        return Treatment.REVERSE_CHARGE
    return Treatment.OUTSIDE_EU


def _require_vat_id(customer: Taxpayer) -> None:
    if not customer.vat_id:
        raise Conflict(
            "vat_id.missing",
            "A company in another EU country needs a VAT id, because it owes the VAT itself (reverse charge); "
            "add it to your company's data and ask again.",
        )
    if not customer.vat_id_valid:
        raise Conflict(
            "vat_id.invalid",
            "Your VAT id is not well-formed, and without a valid one we may not sell to another EU country; "
            "correct it in your company's data and ask again.",
        )
