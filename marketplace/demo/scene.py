"""The trade of the demo, told while it happens. Every step is a call anybody could make with curl."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from marketplace.demo.advice import play_advice
from marketplace.demo.client import Caller, Say, wait_for
from marketplace.demo.papers import DEVICE_CAL, USER_CAL, evidence_files
from marketplace.infra.settings import Settings
from marketplace.parties.domain import Address, CompanyFacts, NewMember
from marketplace.staffing import Hiring, hire

OUTPUT: Final = Path("demo-output")
_STAFF_ROLES: Final = frozenset({"reviewer", "finance", "admin"})
_HTTP_ACCEPTED: Final = 202

OPERATOR: Final = CompanyFacts(
    legal_name="Cession Lizenzhandel GmbH",
    register_number="Köln HRB 998877",
    country="DE",
    vat_id="DE365847211",
    address=Address(lines=("Hohe Pforte 9",), postcode="50676", city="Köln"),
)


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """What the seller offers, and what its papers say."""

    metric: str
    part_number: str
    item: str
    agreement: str
    licence_number: str
    acquired: int
    offered: int
    price_minor: int


USER_CALS: Final = Lot(
    metric="user",
    part_number="R18-05768",
    item=USER_CAL,
    agreement="61882745",
    licence_number="44120983",
    acquired=500,
    offered=300,
    price_minor=1290,
)
DEVICE_CALS: Final = Lot(
    metric="device",
    part_number="R18-05767",
    item=DEVICE_CAL,
    agreement="61882746",
    licence_number="44120984",
    acquired=100,
    offered=100,
    price_minor=990,
)
BOUGHT: Final = 120


class Cast(msgspec.Struct, frozen=True):
    """Who plays, each logged in."""

    seller: Caller
    buyer: Caller
    partner: Caller
    staff: Caller
    partner_id: str
    seller_name: str


def play(settings: Settings, address: str, say: Say) -> None:
    """Play one trade against a running installation and leave its papers in `demo-output/`."""
    OUTPUT.mkdir(exist_ok=True)
    cast = _assemble(settings, address, say)
    _review(cast, [_list(cast, lot, say) for lot in (USER_CALS, DEVICE_CALS)], say)
    order = _buy(cast, say)
    transfer = _declare(cast, order, say)
    certificate = _certify(cast, transfer, say)
    _show_title(cast, transfer, say)
    _value(cast, say)
    play_advice(cast.buyer, OUTPUT, say)
    say("")
    say(f"Certificate     {OUTPUT / certificate['number']}-en.pdf")
    say(f"Number          {certificate['number']}")
    say(f"Anybody checks  {certificate['verify_url']}")


def _assemble(settings: Settings, address: str, say: Say) -> Cast:
    stamp = secrets.token_hex(3)
    password = secrets.token_urlsafe(12)
    email = f"desk-{stamp}@operator.example"
    person = NewMember(name="Rike Sander", email=email, password=password, roles=_STAFF_ROLES)
    name = asyncio.run(hire(settings.database_url, Hiring(person=person, operator=OPERATOR)))
    anyone = Caller(address)
    say(f"1  {name} operates this desk; staff log in as {email} / {password}")
    login = anyone.post("/v1/sessions", {"email": email, "password": password})
    staff = anyone.with_token(login["session"]["token"])
    seller, _ = _register(anyone, staff, stamp, _SELLER)
    buyer, _ = _register(anyone, staff, stamp, _BUYER)
    partner, partner_id = _register(anyone, staff, stamp, _PARTNER)
    say("   a seller, a buyer and an auditor registered; staff verified them; each made an API key")
    return Cast(seller, buyer, partner, staff, partner_id, _SELLER["legal_name"])


def _register(
    anyone: Caller, staff: Caller, stamp: str, facts: dict[str, Any]
) -> tuple[Caller, str]:
    number = f"{facts['register_number']}-{stamp}"
    owner = {**facts["owner"], "email": f"{stamp}-{facts['owner']['email']}"}
    registered = anyone.post("/v1/companies", {**facts, "register_number": number, "owner": owner})
    company_id: str = registered["company"]["id"]
    seen = staff.send("GET", f"/v1/companies/{company_id}")
    staff.post(
        f"/v1/companies/{company_id}/verification",
        {"decision": "verified", "reason": "register extract and VAT id seen"},
        etag=seen.headers["etag"],
    )
    person = anyone.with_token(registered["session"]["token"])
    scopes = person.get("/v1/me")["scopes"]
    key = person.post("/v1/keys", {"name": "demo", "scopes": scopes})
    return anyone.with_token(key["secret"]), company_id


def _list(cast: Cast, lot: Lot, say: Say) -> str:
    price = _asking_price(cast.seller, lot)
    listing = cast.seller.post(
        "/v1/listings",
        {
            "position": {
                "product": f"ws_cal-2019-{lot.metric}",
                "programme": "open_license",
                "agreement_number": lot.agreement,
                "identifiers": {"licence_number": lot.licence_number},
                "part_number": lot.part_number,
                "acquired": lot.acquired,
                "retained": lot.acquired - lot.offered,
                "offered": lot.offered,
                "country": "DE",
                "first_sold_on": "2019-03-14",
                "first_seller": "authorised_partner",
                "segment": "commercial",
                "term": "perpetual",
                "paid_in_full": True,
                "purchased_version": "2019",
                "purchased_metric": lot.metric,
                "sa_status": "never",
                "seller_role": "agreement_holder",
                "terms_edition": "2019-03",
                "retention_covenant": "no",
                "third_party_rights": "no",
            },
            "unit_price": {"amount_minor": price, "currency": "EUR"},
            "smallest_quantity": 10,
            "expires_at": (datetime.now(UTC) + timedelta(days=90)).isoformat(),
        },
    )
    listing_id: str = listing["id"]
    for file in evidence_files(cast.seller_name, lot.agreement, lot.acquired, lot.item):
        (OUTPUT / f"evidence-{lot.metric}-{file.file_name}").write_bytes(file.pdf)
        cast.seller.upload(
            f"/v1/listings/{listing_id}/evidence?kind={file.kind}&file_name={file.file_name}",
            file.pdf,
            "application/pdf",
        )
    cast.seller.post(f"/v1/listings/{listing_id}/submission")
    detail = cast.seller.get(f"/v1/listings/{listing_id}")
    say(
        f"2  {cast.seller_name} lists {lot.offered} {detail['product_name']}s at {price / 100:.2f} EUR, with 4 papers"
    )
    for finding in detail["findings"]:
        if finding["outcome"] != "pass":
            say(f"   {finding['rule']} {finding['outcome']}: {finding['text']}")
    return listing_id


def _asking_price(seller: Caller, lot: Lot) -> int:
    """Undercut what earlier runs left on the market, so that this run's lot is the one that sells."""
    path = f"/v1/catalogue?family=ws_cal&version=2019&metric={lot.metric}&limit=1"
    found = seller.get(path)["items"]
    return min([lot.price_minor, *(int(item["unit_price"]["amount_minor"]) - 1 for item in found)])


def _review(cast: Cast, listing_ids: Sequence[str], say: Say) -> None:
    queue = cast.staff.get("/v1/reviews?state=open&limit=100")["items"]
    for item in queue:
        if item["listing"]["id"] in listing_ids:
            path = f"/v1/reviews/{item['review']['id']}"
            decisions = [
                {"code": code, "note": "originals seen by the reviewer"}
                for code in cast.staff.get(path)["to_decide"]
            ]
            cast.staff.post(f"{path}/approval", {"decisions": decisions})
    say("3  the reviewer approves the evidence; the lots are opened in the title register")


def _buy(cast: Cast, say: Say) -> Any:
    line = {
        "family": "ws_cal",
        "covers_server_version": "2019",
        "metric": "user",
        "quantity": BOUGHT,
    }
    quote = cast.buyer.post("/v1/quotes", {"lines": [line]})
    order = cast.buyer.post(f"/v1/quotes/{quote['id']}/acceptance")
    total = order["price"]["total"]
    say(
        f"4  a clinic in Innsbruck asks for {BOUGHT}, is quoted at once, accepts: order {order['number']}"
    )
    say(
        f"   total {total['amount_minor'] / 100:,.2f} {total['currency']}, {order['price']['vat']['treatment']}"
    )
    cast.staff.post(
        f"/v1/orders/{order['id']}/payments",
        {
            "amount": total,
            "reference": f"bank statement {secrets.token_hex(4)}",
            "received_on": datetime.now(UTC).date().isoformat(),
        },
    )
    say("   it pays; finance staff match the bank statement")
    return order


def _declare(cast: Cast, order: Any, say: Say) -> Any:
    lots = {line["lot_id"] for line in order["lines"]}

    def mine() -> Any:
        found = cast.seller.get("/v1/transfers")["items"]
        return [item for item in found if item["lot_id"] in lots and item["state"] == "pending"]

    transfer = wait_for("the transfer", mine)[0]
    statements = [
        item["statement"] for item in cast.seller.get("/v1/declaration-statements")["items"]
    ]
    cast.seller.post(
        f"/v1/transfers/{transfer['id']}/declaration",
        {
            "quantity": transfer["quantity"],
            "use_ended_on": datetime.now(UTC).date().isoformat(),
            "statements": statements,
            "signatory_name": "Dr. Imke Petersen",
            "signatory_function": "Head of IT",
            "place": "Hamburg",
        },
    )
    say(
        "5  the seller signs the cease-use declaration; seller > operator > buyer is posted at once"
    )
    return transfer


def _certify(cast: Cast, transfer: Any, say: Say) -> Any:
    def issued() -> Any:
        found = cast.buyer.get("/v1/certificates")["items"]
        return found[0] if found else None

    summary = wait_for("the certificate", issued)
    path = f"/v1/certificates/{summary['id']}"
    cast.buyer.post(
        "/v1/grants",
        {
            "partner_company_id": cast.partner_id,
            "certificates": [summary["id"]],
            "expires_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        },
    )
    readers = (
        ("buyer", cast.buyer, ("en", "de")),
        ("auditor", cast.partner, ("en",)),
        ("seller", cast.seller, ("de",)),
    )
    for reader, caller, languages in readers:
        for language in languages:
            pdf = wait_for("the paper", lambda: _paper(caller, path, language))  # noqa: B023 - waited for at once
            name = summary["number"] if reader == "buyer" else f"{summary['number']}-{reader}"
            (OUTPUT / f"{name}-{language}.pdf").write_bytes(pdf)
    say(
        "6  the buyer fetches its certificate in English and German, an auditor it granted access fetches it too,"
    )
    say("   the seller's side gets a copy without the buyer's name")
    del transfer
    return cast.buyer.get(path)


def _paper(caller: Caller, path: str, language: str) -> bytes | None:
    reply = caller.send("GET", f"{path}.pdf?language={language}")
    return None if reply.status == _HTTP_ACCEPTED else reply.body


def _show_title(cast: Cast, transfer: Any, say: Say) -> None:
    title = cast.staff.get(f"/v1/lots/{transfer['lot_id']}")
    say(f"7  the register's view of lot {transfer['lot_id']}:")
    for holding in title["holdings"]:
        say(f"   units {holding['first']:>4} to {holding['end'] - 1:<4} {holding['holder']}")
    say(f"   {title['entries']} entries; every unit has exactly one holder: {title['whole']}")


def _value(cast: Cast, say: Say) -> None:
    asked = cast.seller.post(
        "/v1/valuations", {"product": "ws_cal-2019-user", "quantity": USER_CALS.offered}
    )

    def computed() -> Any:
        found = cast.seller.get(f"/v1/valuations/{asked['id']}")
        return found if found["state"] != "pending" else None

    value = wait_for("the valuation", computed)["value"]
    low, mid, high = (value[name]["amount_minor"] / 100 for name in ("low", "mid", "high"))
    say(f"8  what such a licence is worth: {mid:.2f} {value['mid']['currency']} each")
    say(
        f"   between {low:.2f} and {high:.2f}, grade {value['grade']}: list price and age, no trades yet"
    )


_SELLER: Final[dict[str, Any]] = {
    "legal_name": "Nordlicht Maschinenbau GmbH",
    "register_number": "Hamburg HRB 123456",
    "country": "DE",
    "vat_id": "DE136695976",
    "address": {"lines": ["Speicherstraße 12"], "postcode": "20457", "city": "Hamburg"},
    "owner": {
        "name": "Ines Albrecht",
        "email": "ines@nordlicht.example",
        "password": "correct horse battery staple",
    },
}
_BUYER: Final[dict[str, Any]] = {
    "legal_name": "Alpenblick Klinikum GmbH",
    "register_number": "Innsbruck FN 204718 k",
    "country": "AT",
    "vat_id": "ATU13585627",
    "address": {"lines": ["Innrain 98"], "postcode": "6020", "city": "Innsbruck"},
    "owner": {
        "name": "Jakob Hofer",
        "email": "jakob@alpenblick.example",
        "password": "correct horse battery staple",
    },
}
_PARTNER: Final[dict[str, Any]] = {
    "kind": "partner",
    "legal_name": "Lindqvist Revision AB",
    "register_number": "Stockholm 556401-7732",
    "country": "SE",
    "address": {"lines": ["Kungsgatan 44"], "postcode": "111 35", "city": "Stockholm"},
    "owner": {
        "name": "Elin Lindqvist",
        "email": "elin@lindqvist.example",
        "password": "correct horse battery staple",
    },
}
