"""Entries are written before anything is stored, and point at each other."""

import hashlib
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from marketplace.register import entry
from marketplace.register.domain import Units
from marketplace.register.drafting import (
    DealParties,
    Draft,
    Move,
    PreparedLine,
    Scribe,
    Source,
    draft_deal,
    identity,
)
from tests.support.register import BUYER, FIRST_SALE, OPERATOR, SELLER, party

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
LOT = uuid4()
GENESIS = Source(b"g" * 32, 0)
DECLARED = b"d" * 32


def scribe(lot_id: UUID = LOT) -> Scribe:
    numbers = count()

    def token(size: int) -> bytes:
        return hashlib.sha256(next(numbers).to_bytes(4, "big")).digest()[:size]

    return Scribe(lot_id, NOW, uuid4, token)


WHOLE = Units(0, 100)


def line(units: Units, holding: Units = WHOLE, source: Source = GENESIS) -> PreparedLine:
    return PreparedLine(uuid4(), LOT, units, SELLER.id, holding, source, DECLARED)


def draft(*lines: PreparedLine) -> tuple[Draft, ...]:
    write = scribe()
    parties = DealParties(uuid4(), OPERATOR, BUYER, {SELLER.id: SELLER})
    return draft_deal(lines, parties, lambda _: write)


def moved(written: Draft) -> entry.Transfer:
    read = entry.decode(written.body)
    assert isinstance(read, entry.Transfer)
    return read


class TestScribe:
    def test_a_draft_knows_its_leaf_hash_and_opens_every_commitment(self) -> None:
        opened = scribe().opened(SELLER, 100, FIRST_SALE)

        read = entry.decode(opened.body)
        assert opened.leaf_hash == entry.leaf_hash(opened.body)
        assert read.id == opened.id
        assert read.at == NOW.timestamp() * 1000
        assert entry.commitments(read) == {s.field: s.digest() for s in opened.secrets}
        assert {s.value for s in opened.secrets if s.field == "metric"} == {"user"}

    def test_no_value_of_a_disclosure_stands_in_the_entry(self) -> None:
        opened = scribe().opened(SELLER, 100, FIRST_SALE)

        for value in (SELLER.name, SELLER.registration, str(SELLER.id), FIRST_SALE.agreement):
            assert value.encode() not in opened.body

    def test_no_salt_is_used_twice(self) -> None:
        drafts = draft(line(Units(0, 5)), line(Units(10, 20)))

        salts = [secret.salt for written in drafts for secret in written.secrets]
        assert len(set(salts)) == len(salts)

    def test_the_same_owner_is_unlinkable_across_outputs(self) -> None:
        move = Move(GENESIS, Units(0, 10), Units(3, 6), SELLER, BUYER)

        out = moved(scribe().transferred(move, uuid4(), DECLARED)).out

        assert [output.u for output in out] == [Units(0, 3), Units(3, 6), Units(6, 10)]
        assert len({output.o for output in out}) == 3

    def test_retired_units_belong_to_nobody(self) -> None:
        move = Move(GENESIS, Units(0, 10), Units(0, 4), SELLER, None)

        read = entry.decode(scribe().retired(move, "migrated").body)

        assert isinstance(read, entry.Retired)
        assert [(output.u, output.k) for output in read.out] == [
            (Units(0, 4), "r"),
            (Units(4, 10), "t"),
        ]

    def test_names_are_committed_to_in_normal_form(self) -> None:
        decomposed = party("Mu\u0308ller AG")

        assert identity(decomposed)["name"] == "M\u00fcller AG"


class TestDraftDeal:
    def test_a_line_is_two_transfers_and_the_operators_declaration_between(self) -> None:
        bought, declared, sold = draft(line(Units(10, 30)))

        first, second = moved(bought), moved(sold)
        between = entry.decode(declared.body)
        transit = entry.Outpoint(e=entry.b64(bought.leaf_hash), n=1)
        assert first.input == GENESIS.consumed(Units(0, 100))
        assert first.decl == entry.b64(DECLARED)
        assert isinstance(between, entry.DeclarationDestroyed)
        assert (between.input, between.u) == (transit, Units(10, 30))
        assert second.input == entry.Input(e=transit.e, n=1, u=Units(10, 30))
        assert second.decl == entry.b64(declared.leaf_hash)

    def test_a_second_interval_of_a_holding_consumes_the_remainder(self) -> None:
        drafts = draft(line(Units(10, 20)), line(Units(50, 60)))

        first, second = drafts[0], moved(drafts[3])
        assert second.input == first.outpoint(2).consumed(Units(20, 100))

    def test_another_holding_of_the_lot_is_its_own_piece(self) -> None:
        other = Source(b"h" * 32, 1)

        drafts = draft(line(Units(0, 5), Units(0, 10)), line(Units(20, 30), Units(20, 30), other))

        assert moved(drafts[3]).input == other.consumed(Units(20, 30))
