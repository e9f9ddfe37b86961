"""A market as rows: listings on sale in any number, written past the application by COPY."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from marketplace.licensing.catalogue import Product, load_catalogue
from tests.support.postgres import connect

COUNTRIES: Final = ("DE", "NL", "FR", "AT", "PL", "SE", "IT", "ES", "CZ", "DK", "FI", "IE")
_SELLERS: Final = 200
_COMMON: Final = ("ws_cal-2016-user", "ws_cal-2019-user", "ws_cal-2019-device", "rds_cal-2019-user")


class Listed(msgspec.Struct, frozen=True):
    """A listing as the market sees it."""

    id: UUID
    product: Product
    country: str
    price_minor: int
    available: int
    state: str
    expires_at: datetime

    @property
    def place(self) -> tuple[int, int]:
        """Give its place in the catalogue's order."""
        return (self.price_minor, self.id.int)


def make_listings(start: int, stop: int) -> list[Listed]:
    """Make listings like a real market's: a few products make most of it, prices lie around a value."""
    products = list(load_catalogue().products.values())
    common = [load_catalogue().product(key) for key in _COMMON]
    chance = random.Random(start)  # noqa: S311 - the same market in every run
    now = datetime.now(UTC)
    made: list[Listed] = []
    for number in range(start, stop):
        product = chance.choice(common if chance.random() < 0.6 else products)
        offered = min(5 * round(chance.lognormvariate(2.5, 1.1)) + 5, 5000)
        price = max(round(chance.lognormvariate(7.5, 0.5)), 50)
        made.append(
            Listed(
                id=UUID(int=(0x01A0 << 112) | (7 << 76) | (2 << 62) | number),
                product=product,
                country=chance.choice(COUNTRIES),
                price_minor=price,
                available=chance.randint(1, offered),
                state="published",
                expires_at=now + timedelta(days=30 + number % 200),
            )
        )
    return made


_COLUMNS: Final = [
    "id",
    "company_id",
    "state",
    "version",
    "position",
    "position_key",
    "family",
    "cal_version",
    "metric",
    "programme",
    "segment",
    "restricted",
    "first_sold_in",
    "first_sold_on",
    "unit_size",
    "offered",
    "unit_price_minor",
    "currency",
    "smallest_quantity",
    "expires_at",
    "seller_country",
    "available_quantity",
    "committed_quantity",
    "lot_id",
    "labels",
    "note",
    "created_at",
    "changed_at",
    "submitted_at",
    "published_at",
]


def _seller(number: int) -> UUID:
    return UUID(int=(0x0C0C << 112) | number)


def _row(listed: Listed) -> tuple[Any, ...]:
    number = listed.id.int & 0xFFFFFFFF
    now = datetime.now(UTC)
    offered = max(listed.available, 1)
    live = listed.state in ("published", "sold_out")
    position = {
        "product": msgspec.to_builtins(listed.product),
        "programme": "open_license",
        "acquired": offered,
        "offered": offered,
    }
    return (
        listed.id,
        _seller(number % _SELLERS),
        listed.state,
        3,
        json.dumps(position),
        f"{number}/x",
        listed.product.family,
        listed.product.version,
        listed.product.metric.value,
        "open_license",
        "commercial",
        False,
        listed.country,
        date(2020, 1, 1) + timedelta(days=number % 600),
        1,
        offered,
        listed.price_minor,
        "EUR",
        1,
        listed.expires_at,
        listed.country,
        listed.available,
        offered,
        UUID(int=(0x0B0B << 112) | number) if live else None,
        ["c10.split"] if number % 3 else [],
        "",
        now,
        now,
        now,
        now if live else None,
    )


async def load(owner_url: str, made: Sequence[Listed], *, first: bool = True) -> None:
    """Copy sellers and listings in and let the database learn about them."""
    connection = await connect(owner_url)
    try:
        if first:
            columns = [
                "id",
                "kind",
                "legal_name",
                "register_number",
                "country",
                "address_lines",
                "postcode",
                "city",
                "zone",
                "vat_id_format_valid",
                "version",
                "created_at",
            ]
            sellers = [
                (
                    _seller(number),
                    "company",
                    f"Seller {number}",
                    f"HRB {number}",
                    COUNTRIES[number % len(COUNTRIES)],
                    ["Street 1"],
                    "12345",
                    "City",
                    "eea",
                    False,
                    1,
                    datetime.now(UTC),
                )
                for number in range(_SELLERS)
            ]
            await connection.copy_records_to_table("companies", records=sellers, columns=columns)
        await connection.copy_records_to_table(
            "listings", records=[_row(row) for row in made], columns=_COLUMNS
        )
        await connection.execute("VACUUM ANALYZE listings")
    finally:
        await connection.close()
