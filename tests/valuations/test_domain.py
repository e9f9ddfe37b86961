"""The formula against values worked out by hand, and what must hold on every day and for every product."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.valuations.domain import (
    SPREAD,
    Lifecycle,
    ListPrice,
    NoEstimate,
    State,
    Valuation,
    ValueRange,
    anchor_price,
    answer,
    estimate,
    facts_of,
    load_list_prices,
    log_ratio,
    value_product,
)

CATALOGUE: Final = load_catalogue()
PRICES: Final = load_list_prices()
TODAY: Final = date(2026, 11, 25)
NOW: Final = datetime(2026, 11, 25, 9, tzinfo=UTC)
USER_2019: Final = CATALOGUE.product("ws_cal-2019-user")


def price(**changes: Any) -> ListPrice:
    given_price = ListPrice(
        family="ws_cal",
        version="2025",
        metric="user",
        amount_minor=7200,
        currency="USD",
        kind="list",
        as_of_on=date(2026, 8, 24),
        source="a test",
    )
    return msgspec.structs.replace(given_price, **changes)


def valued(product: Product, on: date = TODAY) -> ValueRange:
    value = value_product(CATALOGUE, PRICES, product, on)
    assert isinstance(value, ValueRange)
    return value


class TestFormula:
    def test_2019_user_cal_on_a_day_worked_out_by_hand(self) -> None:
        # List 72.00; 2,934 days = 8.0329 years old; 2022 and 2025 are newer; 776 days = 2.1246 years of support left.
        # -0.30 - 0.401643 - 0.30 - 0.8/(1 + e^4.356) = -1.011785; e^-1.011785 = 0.363570; x 7200 = 2617.7.
        value = valued(USER_2019)
        assert value.log_ratio == -1.0118
        assert value.mid_minor == 2618
        assert (value.age_years, value.newer_versions, value.support_years_left) == (8.03, 2, 2.12)

    def test_range_is_the_sum_of_all_prior_variances(self) -> None:
        # .5 + .3 + .1 + .05 + .04 + .02 + .02 + .0103 + .0099 = 1.0502; its root 1.024793 x 1.281552 = 1.313325.
        assert pytest.approx(1.313325, abs=1e-6) == SPREAD
        value = valued(USER_2019)
        assert value.low_minor == 704  # 7200 * e^(-1.011785 - 1.313325)
        assert value.high_minor == 7200  # 9734 without the cap: more than a new licence costs

    def test_high_is_not_capped_when_it_stays_below_the_list_price(self) -> None:
        value = valued(CATALOGUE.product("ws_cal-2012-user"))
        assert value.high_minor < value.list_price.amount_minor
        assert value.high_minor == pytest.approx(value.mid_minor * math.exp(SPREAD), rel=0.001)

    @pytest.mark.parametrize(
        ("age_days", "newer", "left_days", "expected"),
        [
            (0, 0, None, -0.30),
            (1461, 0, None, -0.50),  # four years
            (0, 3, None, -0.75),
            (0, 0, 219, -0.30 - 0.4),  # 0.6 years left: the middle of the cliff
            (0, 0, -3652, -0.30 - 0.8),  # ten years past the end: all of the cliff
            (0, 0, 36525, -0.30),  # a century left: none of it
        ],
    )
    def test_each_term_alone(
        self, age_days: int, newer: int, left_days: int | None, expected: float
    ) -> None:
        life = Lifecycle(
            start_on=TODAY - timedelta(days=age_days),
            support_end_on=None if left_days is None else TODAY + timedelta(days=left_days),
            newer=newer,
        )
        assert log_ratio(life, TODAY) == pytest.approx(expected, abs=0.001)

    def test_furthest_dates_do_not_overflow(self) -> None:
        life = Lifecycle(start_on=TODAY, support_end_on=date.max, newer=0)
        assert log_ratio(life, TODAY) == pytest.approx(-0.30)

    def test_half_a_cent_is_rounded_up(self) -> None:
        life = Lifecycle(start_on=TODAY, support_end_on=None, newer=0)
        ratio = math.exp(-0.30)
        amount = next(amount for amount in range(1, 2000) if 0.5 < (amount * ratio) % 1 < 0.505)
        value = estimate(price(amount_minor=amount), life, TODAY)
        assert value.mid_minor == math.ceil(amount * ratio)

    def test_value_says_what_led_to_it(self) -> None:
        value = valued(USER_2019)
        assert value.method == "list-price-x-lifecycle-prior/1"
        assert value.grade == "D"
        assert value.as_of_on == TODAY
        assert value.list_price.source == "HPE OEM list, P77110-B21"
        assert value.currency == "USD"


class TestAnchorPrice:
    def test_newest_version_wins_over_newer_reading(self) -> None:
        old = price(version="2022", as_of_on=date(2026, 9, 10), amount_minor=5500)
        new = price()
        assert anchor_price(CATALOGUE, (old, new), USER_2019, TODAY) == new

    def test_newest_reading_of_a_version_wins(self) -> None:
        first, second = price(), price(as_of_on=date(2026, 9, 10), amount_minor=7000)
        assert anchor_price(CATALOGUE, (second, first), USER_2019, TODAY) == second

    def test_price_read_later_is_not_known_yet(self) -> None:
        assert anchor_price(CATALOGUE, (price(),), USER_2019, date(2026, 8, 23)) is None
        assert anchor_price(CATALOGUE, (price(),), USER_2019, date(2026, 8, 24)) == price()

    def test_other_family_and_metric_do_not_count(self) -> None:
        others = (price(metric="device"), price(family="rds_cal"))
        assert anchor_price(CATALOGUE, others, USER_2019, TODAY) is None

    def test_history_is_valued_with_the_prices_of_its_time(self) -> None:
        before = valued(USER_2019, date(2024, 1, 1))
        assert before.list_price.version == "2022"
        assert before.list_price.as_of_on < date(2024, 1, 1)


class TestNoEstimate:
    def test_family_without_a_list_price(self) -> None:
        product = CATALOGUE.product("exch_std_cal-2019-user")
        assert value_product(CATALOGUE, PRICES, product, TODAY) is NoEstimate.NO_LIST_PRICE

    def test_version_without_confirmed_dates(self) -> None:
        unknown = msgspec.structs.replace(
            CATALOGUE,
            versions=tuple(
                msgspec.structs.replace(row, confirmed=False) for row in CATALOGUE.versions
            ),
        )
        assert value_product(unknown, PRICES, USER_2019, TODAY) is NoEstimate.DATES_UNKNOWN

    def test_version_that_is_not_out_yet(self) -> None:
        product = CATALOGUE.product("ws_cal-2025-user")
        day_before = date(2024, 10, 31)
        assert value_product(CATALOGUE, PRICES, product, day_before) is NoEstimate.NOT_RELEASED
        assert isinstance(value_product(CATALOGUE, PRICES, product, date(2024, 11, 1)), ValueRange)


class TestFacts:
    def test_shared_cal_starts_with_the_first_server_and_lives_as_long_as_the_last(self) -> None:
        facts = facts_of(CATALOGUE, CATALOGUE.product("ws_cal-2012-user"))
        assert facts.name == "Windows Server 2012 User CAL"
        assert facts.start_on == date(2012, 10, 30)
        assert facts.extended_end_on == date(2023, 10, 10)
        assert facts.paid_end_on == date(2026, 10, 13)

    def test_only_confirmed_part_numbers_are_told(self) -> None:
        device, user = (
            facts_of(CATALOGUE, CATALOGUE.product(key))
            for key in ("ws_cal-2019-device", "ws_cal-2019-user")
        )
        assert "R18-05767" in {row.number for row in device.part_numbers}
        assert "R18-05768" not in {row.number for row in user.part_numbers}  # from memory only

    def test_part_number_that_leaves_version_or_metric_open_belongs_to_no_product(self) -> None:
        told = {
            row.number
            for product in CATALOGUE.products.values()
            for row in facts_of(CATALOGUE, product).part_numbers
        }
        for number in told:
            row = CATALOGUE.part_numbers[number.upper()]
            assert row.version is not None
            assert row.metric is not None

    def test_unconfirmed_dates_are_left_out(self) -> None:
        bare = msgspec.structs.replace(CATALOGUE, versions=())
        facts = facts_of(bare, USER_2019)
        assert (facts.start_on, facts.mainstream_end_on, facts.extended_end_on) == (None,) * 3
        assert facts.paid_end_on is None


class TestListPrices:
    def test_every_row_names_a_product_and_is_dated_after_its_release(self) -> None:
        for row in PRICES:
            product = CATALOGUE.product(f"{row.family}-{row.version}-{row.metric}")
            start_on = facts_of(CATALOGUE, product).start_on
            assert start_on is not None
            assert start_on <= row.as_of_on
            assert row.amount_minor > 0
            assert row.source

    def test_no_day_has_two_prices_of_one_product(self) -> None:
        keys = [(row.family, row.version, row.metric, row.as_of_on) for row in PRICES]
        assert len(set(keys)) == len(keys)

    def test_rows_are_the_observed_ones(self) -> None:
        newest = {
            (row.family, row.version, row.metric): row.amount_minor
            for row in sorted(PRICES, key=lambda row: row.as_of_on)
        }
        assert newest == {
            ("ws_cal", "2025", "user"): 7200,
            ("ws_cal", "2025", "device"): 5200,
            ("rds_cal", "2025", "user"): 28000,
            ("rds_cal", "2025", "device"): 20100,
            ("ws_cal", "2022", "user"): 5500,
            ("ws_cal", "2022", "device"): 4400,
            ("rds_cal", "2022", "user"): 17638,
            ("sql_cal", "2019", "user"): 25500,
            ("sql_cal", "2019", "device"): 25500,
        }


class TestAnswer:
    ASKED: Final = Valuation(
        id=UUID(int=1),
        company_id=UUID(int=2),
        product=USER_2019.key,
        quantity=50,
        state=State.PENDING,
        requested_at=NOW,
    )

    def test_value_makes_it_computed(self) -> None:
        value = valued(USER_2019)
        answered = answer(self.ASKED, value, NOW)
        assert (answered.state, answered.value, answered.reason) == (State.COMPUTED, value, None)
        assert answered.computed_at == NOW
        assert (self.ASKED.version, answered.version) == (1, 2)

    def test_reason_makes_it_no_estimate(self) -> None:
        answered = answer(self.ASKED, NoEstimate.NO_LIST_PRICE, NOW)
        assert answered.state is State.NO_ESTIMATE
        assert (answered.value, answered.reason) == (None, NoEstimate.NO_LIST_PRICE)

    def test_answer_stands(self) -> None:
        answered = answer(self.ASKED, NoEstimate.NO_LIST_PRICE, NOW)
        assert answer(answered, valued(USER_2019), NOW) is answered


days = st.dates(min_value=date(2016, 10, 15), max_value=date(2045, 1, 1))
products = st.sampled_from(sorted(CATALOGUE.products.values()))


class TestOnEveryDay:
    @given(product=products, on=days)
    def test_range_is_ordered_and_below_the_price_of_a_new_licence(
        self, product: Product, on: date
    ) -> None:
        value = value_product(CATALOGUE, PRICES, product, on)
        if isinstance(value, ValueRange):
            list_price = value.list_price.amount_minor
            assert 0 <= value.low_minor <= value.mid_minor <= value.high_minor <= list_price

    @given(product=products, on=days)
    def test_older_version_is_never_worth_more(self, product: Product, on: date) -> None:
        line = CATALOGUE.products_of(CATALOGUE.family_of(product), product.metric)
        values = [value_product(CATALOGUE, PRICES, item, on) for item in line]
        mids = [value.mid_minor for value in values if isinstance(value, ValueRange)]
        assert mids == sorted(mids)

    @given(product=products, on=days, later=st.integers(1, 3000))
    def test_value_falls_with_time_while_the_list_price_stands(
        self, product: Product, on: date, later: int
    ) -> None:
        first = value_product(CATALOGUE, PRICES, product, on)
        second = value_product(CATALOGUE, PRICES, product, on + timedelta(days=later))
        if (
            isinstance(first, ValueRange)
            and isinstance(second, ValueRange)
            and first.list_price == second.list_price
        ):
            assert second.mid_minor <= first.mid_minor

    @given(
        amount=st.integers(0, 10_000_000),
        age=st.integers(0, 10_000),
        newer=st.integers(0, 8),
        left=st.none() | st.integers(-20_000, 20_000),
    )
    def test_any_lifecycle_gives_an_ordered_range(
        self, amount: int, age: int, newer: int, left: int | None
    ) -> None:
        life = Lifecycle(
            start_on=TODAY - timedelta(days=age),
            support_end_on=None if left is None else TODAY + timedelta(days=left),
            newer=newer,
        )
        value = estimate(price(amount_minor=amount), life, TODAY)
        assert 0 <= value.low_minor <= value.mid_minor <= value.high_minor <= amount
