"""The four kinds of CAL that a real access can need, and numbers per kind."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.licensing.catalogue import Metric

BASE_FAMILY: Final = "ws_cal"
RDS_FAMILY: Final = "rds_cal"


class Kind(StrEnum):
    """Base CALs and, beside them, RDS CALs (R11); each by user or by device (R06)."""

    USER = "user"
    DEVICE = "device"
    RDS_USER = "rds_user"
    RDS_DEVICE = "rds_device"

    @property
    def family(self) -> str:
        """The family that licences of this kind belong to."""
        return BASE_FAMILY if self in {Kind.USER, Kind.DEVICE} else RDS_FAMILY

    @property
    def metric(self) -> Metric:
        """What they are counted by."""
        return Metric.USER if self in {Kind.USER, Kind.RDS_USER} else Metric.DEVICE


class PerKind(msgspec.Struct, frozen=True):
    """One whole number per kind: licences, or minor units per licence."""

    user: int = 0
    device: int = 0
    rds_user: int = 0
    rds_device: int = 0

    @classmethod
    def of(cls, number: Callable[[Kind], int]) -> "PerKind":
        """Ask for the number of each kind."""
        return cls(*(number(kind) for kind in Kind))

    @property
    def all(self) -> tuple[int, int, int, int]:
        """The numbers in the order of `Kind`."""
        return self.user, self.device, self.rds_user, self.rds_device

    def times(self, other: "PerKind") -> int:
        """Return the sum of the products, kind by kind: quantities times prices is a cost."""
        return sum(mine * theirs for mine, theirs in zip(self.all, other.all, strict=True))

    def plus(self, other: "PerKind") -> "PerKind":
        """Return the sums, kind by kind."""
        return PerKind(*(mine + more for mine, more in zip(self.all, other.all, strict=True)))

    def beyond(self, other: "PerKind") -> "PerKind":
        """Return what is left when `other` is taken off, never below 0."""
        pairs = zip(self.all, other.all, strict=True)
        return PerKind(*(max(0, mine - theirs) for mine, theirs in pairs))


NONE: Final = PerKind()
"""None of any kind."""
