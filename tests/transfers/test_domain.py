"""States of a transfer as a table, and every rule of the cease-use declaration."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, DomainError, Malformed
from marketplace.transfers.domain import (
    STATEMENT_TEXTS,
    Declaration,
    Disclosure,
    Signing,
    State,
    Statement,
    Transfer,
    post,
    sign,
    void,
)
from marketplace.transfers.events import DeclarationSigned, TransferPosted, TransferVoided

NOW: Final = datetime(2026, 11, 25, 9, tzinfo=UTC)
SIGNING: Final = Signing(
    quantity=50,
    use_ended_on=date(2026, 11, 20),
    statements=tuple(Statement),
    licence_servers=(),
    disclosure=Disclosure.FULL,
    signatory_name="Ines Albrecht",
    signatory_function="Head of IT",
    place="Hamburg",
)
PENDING: Final = Transfer(
    id=UUID(int=1),
    order_id=UUID(int=2),
    listing_id=UUID(int=3),
    lot_id=UUID(int=4),
    seller_id=UUID(int=5),
    buyer_id=UUID(int=6),
    product="ws_cal-2019-user",
    quantity=50,
    reservation_ids=(UUID(int=7),),
    state=State.PENDING,
    version=1,
    prepared_at=NOW,
)


def declaration(**changes: Any) -> Declaration:
    return Declaration(
        id=UUID(int=8),
        transfer_id=PENDING.id,
        company_id=PENDING.seller_id,
        signing=msgspec.structs.replace(SIGNING, **changes),
        signed_at=NOW,
    )


def signed(transfer: Transfer = PENDING, *, on_server: bool = False, **changes: Any) -> Transfer:
    declared, _ = sign(transfer, declaration(**changes), needs_licence_server=on_server)
    return declared


def refused(pointer: str, *, on_server: bool = False, **changes: Any) -> str:
    """Give what is said about one field of a declaration that is refused for it alone."""
    with pytest.raises(Malformed) as refusal:
        signed(on_server=on_server, **changes)
    assert refusal.value.code == "declaration.incomplete"
    (field,) = refusal.value.fields
    assert field.pointer == pointer
    return field.detail


DECLARED: Final = signed()
POSTED: Final = post(DECLARED, NOW)[0]
VOIDED: Final = void(PENDING)[0]
SITUATIONS: Final = {
    "pending": PENDING,
    "declared": DECLARED,
    "posted": POSTED,
    "voided": VOIDED,
}
COMMANDS: Final[dict[str, Callable[[Transfer], tuple[Transfer, Any]]]] = {
    "sign": lambda transfer: sign(transfer, declaration(), needs_licence_server=False),
    "post": lambda transfer: post(transfer, NOW),
    "void": void,
}
TABLE: Final = {
    ("pending", "sign"): State.PENDING,
    ("pending", "post"): "transfer.not_ready",
    ("pending", "void"): State.VOIDED,
    ("declared", "sign"): "declaration.exists",
    ("declared", "post"): State.POSTED,
    ("declared", "void"): State.VOIDED,
    ("posted", "sign"): "transfer.ended",
    ("posted", "post"): "transfer.not_ready",
    ("posted", "void"): "transfer.ended",
    ("voided", "sign"): "transfer.ended",
    ("voided", "post"): "transfer.not_ready",
    ("voided", "void"): "transfer.ended",
}


class TestStates:
    def test_table_is_complete(self) -> None:
        assert set(TABLE) == {(one, other) for one in SITUATIONS for other in COMMANDS}

    @pytest.mark.parametrize(("situation", "command"), TABLE)
    def test_command_does_what_the_table_says(self, situation: str, command: str) -> None:
        before, expected = SITUATIONS[situation], TABLE[situation, command]
        if isinstance(expected, State):
            after, _ = COMMANDS[command](before)
            assert (after.state, after.version) == (expected, before.version + 1)
        else:
            with pytest.raises(Conflict) as refusal:
                COMMANDS[command](before)
            assert refusal.value.code == expected

    def test_signing_keeps_the_declaration_and_its_time(self) -> None:
        after, event = sign(PENDING, declaration(), needs_licence_server=False)
        assert after.declaration == declaration()
        assert after.declared_at == NOW
        assert event == DeclarationSigned(transfer_id=PENDING.id, order_id=PENDING.order_id)

    def test_posting_is_dated_and_told(self) -> None:
        after, event = post(DECLARED, NOW + timedelta(hours=1))
        assert after.posted_at == NOW + timedelta(hours=1)
        assert event == TransferPosted(transfer_id=PENDING.id, order_id=PENDING.order_id)

    def test_voiding_is_told(self) -> None:
        _, event = void(DECLARED)
        assert event == TransferVoided(transfer_id=PENDING.id, order_id=PENDING.order_id)

    def test_refusal_names_the_state_it_ended_in(self) -> None:
        with pytest.raises(Conflict, match="posted"):
            signed(POSTED)
        with pytest.raises(Conflict, match="voided"):
            void(VOIDED)


class TestDeclaration:
    @pytest.mark.parametrize("quantity", [49, 51, 1])
    def test_quantity_is_exactly_that_of_the_transfer(self, quantity: int) -> None:
        assert "50 licences" in refused("/quantity", quantity=quantity)

    def test_use_ended_on_the_day_of_signing_at_the_latest(self) -> None:
        assert signed(use_ended_on=NOW.date()).declared_at == NOW
        assert "C07" in refused("/use_ended_on", use_ended_on=NOW.date() + timedelta(days=1))

    @pytest.mark.parametrize("missing", list(Statement))
    def test_no_statement_can_be_left_out(self, missing: Statement) -> None:
        rest = tuple(statement for statement in Statement if statement is not missing)
        assert missing.value in refused("/statements", statements=rest)

    def test_order_and_repetition_of_statements_do_not_matter(self) -> None:
        assert signed(statements=(*reversed(Statement), Statement.HOLDER)).declared_at == NOW

    def test_remote_desktop_licences_name_their_licence_servers(self) -> None:
        assert "C07" in refused("/licence_servers", on_server=True)
        assert signed(on_server=True, licence_servers=("RDLIC01",)).declared_at == NOW

    def test_other_licences_need_no_licence_server(self) -> None:
        assert signed(licence_servers=()).declared_at == NOW

    def test_everything_wrong_is_named_at_once(self) -> None:
        with pytest.raises(Malformed) as refusal:
            signed(on_server=True, quantity=1, use_ended_on=date.max, statements=())
        assert [field.pointer for field in refusal.value.fields] == [
            "/quantity",
            "/use_ended_on",
            "/statements",
            "/licence_servers",
        ]

    def test_every_statement_has_a_text_that_names_its_condition(self) -> None:
        assert set(STATEMENT_TEXTS) == set(Statement)
        assert all("(C" in text for text in STATEMENT_TEXTS.values())


class TestSignedDocument:
    def test_hash_is_that_of_the_canonical_bytes(self) -> None:
        one = declaration()
        assert one.document_sha256() == hashlib.sha256(one.document()).hexdigest()
        assert msgspec.json.decode(one.document(), type=Declaration) == one

    def test_keys_are_sorted(self) -> None:
        keys = list(msgspec.json.decode(declaration().document()))
        assert keys == sorted(keys)

    @pytest.mark.parametrize(
        "changes",
        [{"quantity": 51}, {"place": "Kiel"}, {"disclosure": Disclosure.MASKED}],
    )
    def test_any_change_gives_another_hash(self, changes: dict[str, Any]) -> None:
        assert declaration(**changes).document_sha256() != declaration().document_sha256()

    def test_same_moment_in_another_zone_gives_the_same_hash(self) -> None:
        elsewhere = msgspec.structs.replace(
            declaration(), signed_at=NOW.astimezone(timezone(timedelta(hours=2)))
        )
        assert elsewhere.document_sha256() == declaration().document_sha256()


class TestAnyDeclaration:
    @given(
        quantity=st.integers(1, 100),
        ended=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        statements=st.lists(st.sampled_from(Statement), max_size=12),
        servers=st.lists(st.text(min_size=1, max_size=5), max_size=2),
        on_server=st.booleans(),
    )
    def test_accepted_exactly_when_everything_fits(
        self,
        quantity: int,
        ended: date,
        statements: list[Statement],
        servers: list[str],
        on_server: bool,  # noqa: FBT001 - hypothesis passes it by name
    ) -> None:
        fits = (
            quantity == PENDING.quantity
            and ended <= NOW.date()
            and set(statements) == set(Statement)
            and (bool(servers) or not on_server)
        )
        try:
            signed(
                on_server=on_server,
                quantity=quantity,
                use_ended_on=ended,
                statements=tuple(statements),
                licence_servers=tuple(servers),
            )
            accepted = True
        except DomainError:
            accepted = False
        assert accepted is fits
