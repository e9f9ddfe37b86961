"""Evidence of payments."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest

from marketplace.kernel.errors import Conflict, Malformed
from marketplace.kernel.money import Money
from marketplace.settlements.domain import (
    BY_STAFF,
    Payment,
    PaymentEvidence,
    check_evidence,
    require_same,
)

EVIDENCE = PaymentEvidence(
    source=BY_STAFF,
    reference="2026-11-25/1",
    amount=Money(100, "EUR"),
    received_on=date(2026, 11, 25),
)
PAYMENT = Payment(
    id=UUID(int=1),
    order_id=UUID(int=2),
    buyer_id=UUID(int=3),
    evidence=EVIDENCE,
    recorded_by="ses_1",
    recorded_at=datetime(2026, 11, 25, tzinfo=UTC),
)


class TestCheckEvidence:
    @pytest.mark.parametrize("hour", [10, 23])
    def test_day_that_has_begun_somewhere_is_taken(self, hour: int) -> None:
        check_evidence(EVIDENCE, datetime(2026, 11, 24, hour, tzinfo=UTC))

    def test_day_to_come_is_refused(self) -> None:
        with pytest.raises(Malformed) as refused:
            check_evidence(EVIDENCE, datetime(2026, 11, 24, 9, 59, tzinfo=UTC))
        assert refused.value.code == "payment.received_in_future"


class TestRequireSame:
    def test_repeated_message_is_the_same_payment(self) -> None:
        require_same(PAYMENT, PAYMENT.order_id, EVIDENCE)

    def test_reference_of_another_order_is_refused(self) -> None:
        with pytest.raises(Conflict) as refused:
            require_same(PAYMENT, UUID(int=9), EVIDENCE)
        assert refused.value.code == "payment.reference_used"

    def test_reference_with_another_amount_is_refused(self) -> None:
        other = msgspec.structs.replace(EVIDENCE, amount=Money(101, "EUR"))
        with pytest.raises(Conflict):
            require_same(PAYMENT, PAYMENT.order_id, other)
