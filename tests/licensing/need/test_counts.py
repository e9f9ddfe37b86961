"""From counts to options: by hand worked examples, contradictions, what stays open."""

from typing import Any

import pytest
from msgspec.structs import replace

from marketplace.kernel.errors import Malformed
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.need.counts import COUNT_MAX, Counts, CountsAnswer, answer_counts
from marketplace.licensing.need.external import ExternalCounts
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.options import OptionKind
from marketplace.licensing.need.prices import (
    PRICE_MINOR_MAX,
    PriceList,
    PriceSource,
    UnitPrice,
)
from marketplace.licensing.need.targets import Target
from tests.licensing.builders import product

SERVERS = Target(servers=("2019",))
REMOTE = Target(servers=("2019",), session_hosts=("2022",), licence_server="2022")


def price_list(**changes: int | None) -> PriceList:
    amounts: dict[str, int | None] = {
        "ws_cal-2019-user": 2500,
        "ws_cal-2019-device": 2000,
        "ws_cal-2022-user": 3000,
        "ws_cal-2022-device": 2600,
        "rds_cal-2022-user": 9000,
        "rds_cal-2022-device": 8000,
    }
    amounts |= {name.replace("__", "-"): amount for name, amount in changes.items()}
    rows = {
        key: UnitPrice(amount, PriceSource.GIVEN)
        for key, amount in amounts.items()
        if amount is not None
    }
    return PriceList("EUR", rows)


PRICES = price_list()


def costs(answer: CountsAnswer) -> dict[str, int | None]:
    return {
        option.kind.value: option.cost.amount_minor if option.cost else None
        for option in answer.options
    }


def quantities(answer: CountsAnswer, kind: OptionKind) -> dict[str, int]:
    [option] = [option for option in answer.options if option.kind is kind]
    return {one.value: option.quantity(one) for one in Kind if option.quantity(one)}


def keys(answer: CountsAnswer) -> list[str]:
    return [row.message_key for row in answer.advice.statements]


class TestOptions:
    def test_an_office_with_few_devices_takes_devices(self) -> None:
        answer = answer_counts(Counts(users=30, devices=20), SERVERS, PRICES)
        assert costs(answer) == {"all_user": 75_000, "all_device": 40_000}
        assert answer.advice.recommended is OptionKind.ALL_DEVICE
        assert keys(answer) == ["need.take_all_device", "need.one_cal_all_servers"]

    def test_shifts_at_shared_devices_make_mixing_pay(self) -> None:
        counts = Counts(users=100, devices=130, shift_users=60, shared_devices=20)
        answer = answer_counts(counts, SERVERS, PRICES)
        # Office: 40 people or 110 devices. Shifts: 60 people or 20 devices.
        assert costs(answer) == {
            "all_user": 250_000,
            "all_device": 260_000,
            "mixed": 40 * 2500 + 20 * 2000,
        }
        assert quantities(answer, OptionKind.MIXED) == {"user": 40, "device": 20}
        assert answer.advice.recommended is OptionKind.MIXED
        assert keys(answer)[1] == "need.mixing_pays"
        assert answer.advice.statements[1].params == {"percent": 44, "threshold": 5}

    def test_little_saving_keeps_to_one_kind(self) -> None:
        counts = Counts(users=100, devices=160, shift_users=3, shared_devices=2)
        answer = answer_counts(counts, SERVERS, PRICES)
        assert costs(answer)["mixed"] == 97 * 2500 + 2 * 2000
        assert answer.advice.recommended is OptionKind.ALL_USER
        assert keys(answer)[1] == "need.keep_one_kind"

    def test_exactly_the_threshold_pays(self) -> None:
        # 100 user CALs against 90 and 5 device CALs at one price: 5 of 100. With 101 it is less.
        listed = price_list(ws_cal__2019__user=100, ws_cal__2019__device=100)
        counts = Counts(users=100, devices=200, shift_users=10, shared_devices=5)
        assert answer_counts(counts, SERVERS, listed).advice.recommended is OptionKind.MIXED
        counts = Counts(users=101, devices=200, shift_users=10, shared_devices=5)
        assert answer_counts(counts, SERVERS, listed).advice.recommended is OptionKind.ALL_USER

    def test_only_shifts_leave_no_office(self) -> None:
        counts = Counts(users=9, devices=3, shift_users=9, shared_devices=3)
        assert costs(answer_counts(counts, SERVERS, PRICES)) == {
            "all_user": 22_500,
            "all_device": 6_000,
        }

    def test_nobody_costs_nothing(self) -> None:
        answer = answer_counts(Counts(users=0, devices=0), SERVERS, PRICES)
        assert costs(answer) == {"all_user": 0, "all_device": 0}
        assert answer.advice.recommended is OptionKind.ALL_USER


class TestRemote:
    def test_base_beneath_rds_reaches_the_host(self) -> None:
        counts = Counts(users=30, devices=40, remote_users=10, remote_devices=10)
        answer = answer_counts(counts, REMOTE, PRICES)
        assert costs(answer)["all_user"] == 20 * 2500 + 10 * 3000 + 10 * 9000
        assert costs(answer)["all_device"] == 30 * 2000 + 10 * 2600 + 10 * 8000
        assert "need.rds_beside_base" in keys(answer)
        assert "need.take_rds" in keys(answer)
        assert "need.licence_server_unknown" not in keys(answer)

    def test_few_terminals_for_many_people_are_licensed_by_device_with_a_base_of_their_own(
        self,
    ) -> None:
        counts = Counts(users=30, devices=60, remote_users=25, remote_devices=5)
        answer = answer_counts(counts, REMOTE, PRICES)
        assert quantities(answer, OptionKind.MIXED) == {"user": 30, "device": 5, "rds_device": 5}
        assert costs(answer)["mixed"] == 30 * 2500 + 5 * 2600 + 5 * 8000

    def test_one_host_has_one_mode(self) -> None:
        counts = Counts(
            users=60,
            devices=60,
            shift_users=40,
            shared_devices=4,
            remote_users=60,
            remote_devices=60,
            remote_shift_users=40,
            remote_shared_devices=4,
        )
        one = answer_counts(counts, REMOTE, PRICES)
        two = answer_counts(replace(counts, session_hosts=2), REMOTE, PRICES)
        assert quantities(two, OptionKind.MIXED) == {
            "user": 20,
            "device": 4,
            "rds_user": 20,
            "rds_device": 4,
        }
        first, second = costs(one)["mixed"], costs(two)["mixed"]
        assert first is not None
        assert second is not None
        assert second < first

    def test_an_unknown_licence_server_is_said(self) -> None:
        target = Target(session_hosts=("2022",))
        counts = Counts(users=3, devices=3, remote_users=3, remote_devices=3)
        assert "need.licence_server_unknown" in keys(answer_counts(counts, target, PRICES))

    def test_an_old_licence_server_leaves_nothing_usable(self) -> None:
        target = Target(session_hosts=("2022",), licence_server="2016")
        answer = answer_counts(
            Counts(users=3, devices=3, remote_users=3, remote_devices=3), target, PRICES
        )
        assert set(costs(answer).values()) == {None}
        assert "need.no_product" in keys(answer)
        assert answer.advice.recommended is None


class TestWhatIsNotKnown:
    def test_a_missing_price_is_named_and_nothing_recommended(self) -> None:
        listed = price_list(ws_cal__2019__device=None, ws_cal__2022__device=None)
        answer = answer_counts(Counts(users=3, devices=2), SERVERS, listed)
        assert costs(answer) == {"all_user": 7500, "all_device": None}
        assert answer.advice.recommended is None
        [said] = [row for row in answer.advice.statements if row.rule == ""]
        assert said.params == {"product": "Windows Server 2019 Device CAL"}

    @pytest.mark.parametrize(
        ("counts", "left", "said"),
        [
            (Counts(users=3), {"all_user"}, "need.count_unknown_devices"),
            (Counts(devices=3), {"all_device"}, "need.count_unknown_users"),
        ],
    )
    def test_an_unknown_count_leaves_its_option_out(
        self, counts: Counts, left: set[str], said: str
    ) -> None:
        answer = answer_counts(counts, SERVERS, PRICES)
        assert set(costs(answer)) == left
        assert said in keys(answer)

    def test_unknown_remote_devices_leave_rds_by_device_out(self) -> None:
        answer = answer_counts(Counts(users=3, devices=4, remote_users=2), REMOTE, PRICES)
        assert "need.count_unknown_remote_devices" in keys(answer)
        assert set(costs(answer)) == {"all_user", "mixed"}
        answer = answer_counts(Counts(users=3, remote_devices=2), REMOTE, PRICES)
        assert "need.count_unknown_remote_users" in keys(answer)
        assert set(costs(answer)) == {"mixed"}
        assert answer.advice.recommended is OptionKind.MIXED


class TestOwned:
    def test_owned_licences_cost_nothing_and_can_turn_the_advice(self) -> None:
        owned = [OwnedCal(product=product("ws_cal-2022-user"), quantity=25)]
        answer = answer_counts(Counts(users=30, devices=20), SERVERS, PRICES, owned)
        assert costs(answer) == {"all_user": 5 * 2500, "all_device": 40_000}
        assert answer.advice.recommended is OptionKind.ALL_USER


class TestExternal:
    def test_no_external_users_no_answer(self) -> None:
        assert answer_counts(Counts(users=1, devices=1), SERVERS, PRICES).external is None

    def external(self, listed: PriceList, target: Target = SERVERS, **counts: int) -> Any:
        given = Counts(
            users=1,
            devices=1,
            remote_users=0 if target.session_hosts else None,
            external=ExternalCounts(**counts),
        )
        return answer_counts(given, target, listed).external

    def test_without_a_price_the_break_even_is_given(self) -> None:
        answer = self.external(PRICES, users=50, servers=4)
        assert answer.cals.cost == Money(125_000, "EUR")
        assert (answer.connectors_cost, answer.recommended) == (None, None)
        assert answer.break_even == Money(31_250, "EUR")
        assert [row.message_key for row in answer.statements] == [
            "need.external",
            "need.external_no_price",
        ]
        assert not any(row.confirmed for row in answer.statements)

    @pytest.mark.parametrize(
        ("price", "expected"), [(31_249, Metric.SERVER), (31_250, Metric.USER)]
    )
    def test_the_cheaper_way_is_recommended(self, price: int, expected: Metric) -> None:
        listed = price_list(ws_ec__2019__server=price)
        answer = self.external(listed, users=50, servers=4)
        assert answer.recommended is expected
        assert answer.statements[-1].message_key == f"need.external_take_{expected.value}"

    def test_rds_counts_a_second_connector_and_says_that_it_is_not_confirmed(self) -> None:
        answer = self.external(
            PRICES, REMOTE, users=50, servers=4, remote_users=10, session_hosts=1
        )
        assert answer.cals.cost == Money(40 * 2500 + 10 * 3000 + 10 * 9000, "EUR")
        assert [(row.family, row.quantity) for row in answer.connectors] == [
            ("ws_ec", 4),
            ("rds_ec", 1),
        ]
        assert answer.connectors[0].choice.product == product("ws_ec-2022-server")
        assert "need.external_rds" in [row.message_key for row in answer.statements]

    def test_without_prices_nothing_is_computed(self) -> None:
        answer = self.external(PriceList("EUR"), users=5, servers=1)
        assert (answer.break_even, answer.connectors_cost, answer.recommended) == (None, None, None)

    def test_connectors_with_a_price_beside_cals_without_leave_it_open(self) -> None:
        listed = PriceList("EUR", {"ws_ec-2019-server": UnitPrice(5, PriceSource.GIVEN)})
        answer = self.external(listed, users=5, servers=1)
        assert answer.connectors_cost == Money(5, "EUR")
        assert answer.recommended is None
        assert [row.message_key for row in answer.statements] == ["need.external"]

    @pytest.mark.parametrize(
        ("counts", "pointer"),
        [
            ({"users": 5}, "/external/servers"),
            ({"users": -1, "servers": 1}, "/external/users"),
            ({"users": 1, "servers": 1, "remote_users": 1}, "/external/session_hosts"),
            (
                {"users": 1, "servers": 2, "remote_users": 2, "session_hosts": 1},
                "/external/remote_users",
            ),
            (
                {"users": 3, "servers": 1, "remote_users": 2, "session_hosts": 2},
                "/external/session_hosts",
            ),
        ],
    )
    def test_contradictions_are_refused_at_their_place(
        self, counts: dict[str, int], pointer: str
    ) -> None:
        with pytest.raises(Malformed, match=r"need\.count_contradicts") as refused:
            self.external(PRICES, REMOTE, **counts)
        assert [row.pointer for row in refused.value.fields] == [pointer]

    def test_remote_external_people_need_a_host(self) -> None:
        with pytest.raises(Malformed) as refused:
            self.external(PRICES, users=2, servers=2, remote_users=1, session_hosts=1)
        assert [row.pointer for row in refused.value.fields] == ["/session_hosts"]


class TestContradictions:
    @pytest.mark.parametrize(
        ("counts", "pointer"),
        [
            (Counts(), "/users"),
            (Counts(users=-1), "/users"),
            (Counts(users=COUNT_MAX + 1), "/users"),
            (Counts(users=3, devices=3, shift_users=4, shared_devices=1), "/shift_users"),
            (Counts(users=3, devices=3, shift_users=2), "/shared_devices"),
            (Counts(users=3, devices=0), "/devices"),
            (Counts(users=3, devices=5, shift_users=3, shared_devices=2), "/devices"),
            (Counts(users=3, devices=3, remote_users=2), "/session_hosts"),
        ],
    )
    def test_are_refused_at_their_place(self, counts: Counts, pointer: str) -> None:
        with pytest.raises(Malformed, match=r"need\.count_contradicts") as refused:
            answer_counts(counts, SERVERS, PRICES)
        assert [row.pointer for row in refused.value.fields] == [pointer]

    @pytest.mark.parametrize(
        ("counts", "pointer"),
        [
            (Counts(users=3, devices=3), "/remote_users"),
            (Counts(users=3, devices=3, remote_users=4), "/remote_users"),
            (Counts(users=3, devices=3, remote_users=0, remote_devices=2), "/remote_devices"),
            (
                Counts(
                    users=9,
                    devices=9,
                    shift_users=3,
                    shared_devices=2,
                    remote_users=5,
                    remote_devices=5,
                    remote_shift_users=2,
                ),
                "/remote_shared_devices",
            ),
        ],
    )
    def test_of_remote_people_too(self, counts: Counts, pointer: str) -> None:
        with pytest.raises(Malformed, match=r"need\.count_contradicts") as refused:
            answer_counts(counts, REMOTE, PRICES)
        assert [row.pointer for row in refused.value.fields] == [pointer]

    def test_unknown_servers_are_refused_at_their_place(self) -> None:
        target = Target(servers=("2019", "2020"), session_hosts=("x",), licence_server="NT 4")
        with pytest.raises(Malformed, match=r"need\.server_unknown") as refused:
            answer_counts(Counts(users=1), target, PRICES)
        pointers = [row.pointer for row in refused.value.fields]
        assert pointers == ["/servers/1", "/session_hosts/0", "/licence_server"]

    def test_no_server_is_refused(self) -> None:
        with pytest.raises(Malformed, match=r"need\.target_empty"):
            answer_counts(Counts(users=1), Target(), PRICES)

    def test_a_price_out_of_range_is_refused_at_its_place(self) -> None:
        listed = price_list(ws_cal__2019__user=PRICE_MINOR_MAX + 1)
        with pytest.raises(Malformed, match=r"need\.price_out_of_range") as refused:
            answer_counts(Counts(users=1), SERVERS, listed)
        assert [row.pointer for row in refused.value.fields] == ["/prices/ws_cal-2019-user"]
