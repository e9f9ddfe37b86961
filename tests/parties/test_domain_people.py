"""Roles, keys and grants, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from marketplace.infra.access import COMPANY_SCOPES
from marketplace.kernel.errors import Conflict, Forbidden, Malformed
from marketplace.parties import domain
from marketplace.parties.domain import (
    SCOPES_OF_ROLE,
    ApiKey,
    Company,
    CompanyKind,
    Grant,
    KeyState,
    Member,
    NewMember,
    Role,
    StaffRole,
)
from marketplace.parties.events import GrantGiven, GrantRevoked
from tests.support.parties import facts

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_CERTIFICATE = UUID(int=100)
ANOTHER_CERTIFICATE = UUID(int=101)


def member(number: int, *roles: str) -> Member:
    return Member(
        id=UUID(int=number),
        company_id=UUID(int=1),
        name="Ines",
        email=f"{number}@company.example",
        roles=frozenset(roles),
        created_at=NOW,
        removed_at=None,
        version=1,
    )


def key(**changes: Any) -> ApiKey:
    made = ApiKey(
        id=UUID(int=1),
        company_id=UUID(int=2),
        name="SAM",
        hint="ckey_abcd",
        scopes=frozenset({"quotes:read"}),
        created_by=None,
        created_at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


def grant(**changes: Any) -> Grant:
    made = Grant(
        id=UUID(int=1),
        company_id=UUID(int=2),
        partner_company_id=UUID(int=3),
        all_certificates=True,
        certificate_ids=(),
        created_at=NOW,
        expires_at=NOW + HOUR,
    )
    return msgspec.structs.replace(made, **changes)


def partner(kind: CompanyKind = CompanyKind.PARTNER, *, is_verified: bool = True) -> Company:
    made, _ = domain.register(UUID(int=3), kind, facts(), NOW)
    return msgspec.structs.replace(made, verified_at=NOW if is_verified else None)


class TestRoles:
    def test_owner_may_do_everything_a_company_can(self) -> None:
        assert SCOPES_OF_ROLE[Role.OWNER] == frozenset(COMPANY_SCOPES)

    def test_every_role_opens_known_scopes(self) -> None:
        assert set(SCOPES_OF_ROLE) == set(Role)
        for scopes in SCOPES_OF_ROLE.values():
            assert scopes <= set(COMPANY_SCOPES)

    def test_viewer_only_reads(self) -> None:
        assert all(scope.endswith(":read") for scope in domain.scopes_of(["viewer"]))

    def test_roles_add_up(self) -> None:
        both = domain.scopes_of(["trader", "signatory"])
        assert {"quotes:write", "transfers:sign"} <= both
        assert "company:write" not in both

    def test_staff_roles_open_no_company_scope(self) -> None:
        assert domain.scopes_of(list(StaffRole)) == frozenset()

    @pytest.mark.parametrize(
        ("kind", "roles"),
        [
            (CompanyKind.COMPANY, ["admin"]),
            (CompanyKind.COMPANY, ["owner", "reviewer"]),
            (CompanyKind.PARTNER, ["finance"]),
            (CompanyKind.OPERATOR, ["owner"]),
            (CompanyKind.COMPANY, []),
        ],
    )
    def test_of_another_kind_of_company_are_refused(
        self, kind: CompanyKind, roles: list[str]
    ) -> None:
        with pytest.raises(Malformed) as refused:
            domain.check_roles(kind, roles)
        assert refused.value.code == "member.roles_invalid"

    def test_of_the_company_are_kept(self) -> None:
        assert domain.check_roles(CompanyKind.OPERATOR, ["admin", "finance"]) == {
            "admin",
            "finance",
        }

    def test_email_has_one_form(self) -> None:
        assert domain.normal_email("  Ines@NordLicht.Example ") == "ines@nordlicht.example"


class TestNewMember:
    NEW = NewMember(name="Ines", email="ines@nordlicht.example", password="p" * 12)

    def test_with_address_and_password_is_accepted(self) -> None:
        domain.check_new_member(self.NEW)
        domain.check_new_member(msgspec.structs.replace(self.NEW, password="p" * 128))

    @pytest.mark.parametrize(
        "email", ["", "ines", "@nordlicht.example", "ines@", "i@n@x", "in es@nordlicht.example"]
    )
    def test_without_an_address_is_refused(self, email: str) -> None:
        with pytest.raises(Malformed) as refused:
            domain.check_new_member(msgspec.structs.replace(self.NEW, email=email))
        assert refused.value.code == "member.email_invalid"

    @pytest.mark.parametrize("password", ["", "p" * 11, "p" * 129])
    def test_with_a_password_of_wrong_length_is_refused(self, password: str) -> None:
        with pytest.raises(Malformed) as refused:
            domain.check_new_member(msgspec.structs.replace(self.NEW, password=password))
        assert refused.value.code == "password.length"


class TestLastOwner:
    def test_stays(self) -> None:
        owner, viewer = member(1, "owner"), member(2, "viewer")
        for changed in (
            msgspec.structs.replace(owner, roles=frozenset({"trader"})),
            msgspec.structs.replace(owner, removed_at=NOW),
        ):
            with pytest.raises(Conflict) as refused:
                domain.require_keeper([owner, viewer], changed)
            assert refused.value.code == "member.last_owner"

    def test_may_go_when_another_stays(self) -> None:
        owner, other = member(1, "owner"), member(2, "owner")
        domain.require_keeper([owner, other], msgspec.structs.replace(owner, removed_at=NOW))

    def test_may_take_another_role_beside(self) -> None:
        owner = member(1, "owner")
        domain.require_keeper(
            [owner], msgspec.structs.replace(owner, roles=frozenset({"owner", "trader"}))
        )

    def test_admin_counts_for_the_operator(self) -> None:
        admin, reviewer = member(1, "admin"), member(2, "reviewer")
        domain.require_keeper([admin, reviewer], msgspec.structs.replace(reviewer, removed_at=NOW))
        with pytest.raises(Conflict):
            domain.require_keeper([admin, reviewer], msgspec.structs.replace(admin, removed_at=NOW))


class TestKey:
    @pytest.mark.parametrize(
        ("made", "state"),
        [
            (key(), KeyState.ACTIVE),
            (key(expires_at=NOW + HOUR), KeyState.ACTIVE),
            (key(expires_at=NOW), KeyState.EXPIRED),
            (key(revoked_at=NOW), KeyState.REVOKED),
            (key(revoked_at=NOW, expires_at=NOW), KeyState.REVOKED),
        ],
    )
    def test_state_follows_from_its_times(self, made: ApiKey, state: KeyState) -> None:
        assert made.state(NOW) is state

    def test_carries_only_what_its_maker_has(self) -> None:
        assert domain.check_key_scopes(["quotes:read"], ["quotes:read", "company:write"]) == {
            "quotes:read"
        }
        with pytest.raises(Forbidden) as refused:
            domain.check_key_scopes(["quotes:read", "transfers:sign"], ["quotes:read"])
        assert refused.value.code == "key.scope_exceeded"
        assert "transfers:sign" in refused.value.detail

    @pytest.mark.parametrize("moment", [NOW, NOW - HOUR, NOW + timedelta(days=11)])
    def test_end_must_lie_ahead_and_not_too_far(self, moment: datetime) -> None:
        with pytest.raises(Malformed) as refused:
            domain.check_until(moment, NOW, timedelta(days=10))
        assert refused.value.code == "time.out_of_range"
        assert refused.value.fields[0].pointer == "/expires_at"

    def test_end_within_the_limit_is_kept(self) -> None:
        limit = timedelta(days=10)
        assert domain.check_until(NOW + limit, NOW, limit) == NOW + limit


class TestRotation:
    NEW_ID = UUID(int=9)

    def test_old_key_works_for_a_day_unless_told_otherwise(self) -> None:
        old = domain.rotate_key(key(), self.NEW_ID, NOW, None)
        assert old.expires_at == NOW + domain.ROTATION_OVERLAP
        assert old.replaced_by == self.NEW_ID
        assert old.state(NOW) is KeyState.ACTIVE

    @pytest.mark.parametrize("until", [NOW, NOW + HOUR, NOW + domain.ROTATION_OVERLAP_MAX])
    def test_old_key_works_until_the_given_time(self, until: datetime) -> None:
        assert domain.rotate_key(key(), self.NEW_ID, NOW, until).expires_at == until

    def test_old_key_never_lives_longer_than_before(self) -> None:
        old = key(expires_at=NOW + HOUR)
        assert domain.rotate_key(old, self.NEW_ID, NOW, None).expires_at == NOW + HOUR

    @pytest.mark.parametrize("until", [NOW - HOUR, NOW + domain.ROTATION_OVERLAP_MAX + HOUR])
    def test_overlap_out_of_range_is_refused(self, until: datetime) -> None:
        with pytest.raises(Malformed) as refused:
            domain.rotate_key(key(), self.NEW_ID, NOW, until)
        assert refused.value.fields[0].pointer == "/old_valid_until"

    @pytest.mark.parametrize(
        ("old", "code"),
        [
            (key(revoked_at=NOW), "key.not_active"),
            (key(expires_at=NOW), "key.not_active"),
            (key(replaced_by=UUID(int=8)), "key.already_rotated"),
        ],
    )
    def test_ended_or_replaced_key_is_refused(self, old: ApiKey, code: str) -> None:
        with pytest.raises(Conflict) as refused:
            domain.rotate_key(old, self.NEW_ID, NOW, None)
        assert refused.value.code == code


class TestGrant:
    def test_is_given_to_a_verified_partner(self) -> None:
        given, events = domain.give_grant(grant(), partner())
        assert given == grant()
        assert events == (
            GrantGiven(
                grant_id=given.id, company_id=given.company_id, partner_company_id=UUID(int=3)
            ),
        )

    @pytest.mark.parametrize(
        "who", [None, partner(is_verified=False), partner(CompanyKind.COMPANY)]
    )
    def test_anybody_else_gets_one_and_the_same_refusal(self, who: Company | None) -> None:
        with pytest.raises(Conflict) as refused:
            domain.give_grant(grant(), who)
        assert refused.value.code == "grant.partner_unknown"

    def test_must_end_in_the_future(self) -> None:
        with pytest.raises(Malformed):
            domain.give_grant(grant(expires_at=NOW), partner())

    def test_for_all_covers_everything_until_it_ends(self) -> None:
        assert grant().covers(A_CERTIFICATE, NOW)
        assert not grant().covers(A_CERTIFICATE, NOW + HOUR)
        assert not grant(revoked_at=NOW).covers(A_CERTIFICATE, NOW)

    def test_for_some_covers_those(self) -> None:
        some = grant(all_certificates=False, certificate_ids=(A_CERTIFICATE,))
        assert some.covers(A_CERTIFICATE, NOW)
        assert not some.covers(ANOTHER_CERTIFICATE, NOW)

    def test_is_revoked_once(self) -> None:
        revoked, events = domain.revoke_grant(grant(), NOW)
        assert revoked.revoked_at == NOW
        assert events == (
            GrantRevoked(
                grant_id=revoked.id,
                company_id=revoked.company_id,
                partner_company_id=revoked.partner_company_id,
            ),
        )
        assert domain.revoke_grant(revoked, NOW + HOUR) == (revoked, ())
