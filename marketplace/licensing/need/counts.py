"""From counted people and devices to options with cost: all by user, all by device, mixed.

People fall into two groups: those with devices of their own (the office) and those who take turns at shared devices
(shifts). Each group is licensed by its users or by its devices, on the servers and, with RDS CALs, on the session
hosts (R06, R11, RD06). All combinations are tried, so the mixed option is the cheapest there is for these counts.
"""

from collections.abc import Iterator, Sequence
from itertools import product as combinations
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement
from marketplace.licensing.need.external import External, ExternalCounts, weigh_external
from marketplace.licensing.need.gap import Need, find_gap, make_need, merged
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.options import Advice, Option, OptionKind, advise, note
from marketplace.licensing.need.prices import PriceList, checked_prices
from marketplace.licensing.need.targets import Target, checked_target

COUNT_MAX: Final = 10_000_000


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Real persons and real devices, before any pooling (R09). None: not known, then it is not guessed.

    `users` and `devices` are all of the organisation's own; `shift_users` those of them who work only at the
    `shared_devices`. `remote_*` those of them who work on session hosts, `remote_shift_users` and
    `remote_shared_devices` those of the shifts. `session_hosts` is how many hosts there are: with one, all remote
    people are licensed in one mode (RD06).
    """

    users: int | None = None
    devices: int | None = None
    shift_users: int = 0
    shared_devices: int = 0
    remote_users: int | None = None
    remote_devices: int | None = None
    remote_shift_users: int = 0
    remote_shared_devices: int = 0
    session_hosts: int = 1
    external: ExternalCounts = ExternalCounts()


class CountsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The options in the order of `OptionKind` (only those the counts allow), the advice, and external users apart."""

    options: tuple[Option, ...]
    advice: Advice
    external: External | None = None


class _Group(msgspec.Struct, frozen=True):
    users: int | None
    devices: int | None
    remote_users: int | None
    remote_devices: int | None


class _Way(msgspec.Struct, frozen=True):
    """How one group is licensed; `rds` is None when nobody of it works on a session host."""

    base: Metric
    rds: Metric | None


def answer_counts(
    counts: Counts, target: Target, prices: PriceList, owned: Sequence[OwnedCal] = ()
) -> CountsAnswer:
    """Answer what is needed, what it costs beyond what is owned, and which option to take.

    Raises:
        Malformed: `need.count_contradicts` with a pointer for each contradiction; what `checked_target`,
            `checked_prices` and `merged` raise.
    """
    target, prices = checked_target(target), checked_prices(prices)
    owned = merged(owned)
    problems = (
        list(_out_of_range(counts))
        or list(_contradictions(counts, target))
        or list(_unused(counts))
    )
    if problems:
        raise Malformed(
            "need.count_contradicts",
            "The counts contradict each other or say too little; correct the places named.",
            *problems,
        )
    groups = _groups(counts)
    best: dict[OptionKind, Option] = {}
    for ways in combinations(*(_ways(group) for group in groups)):
        needs = _needs(groups, ways, target)
        if needs is None or not _modes_fit(ways, counts.session_hosts):
            continue
        option = Option(kind=_kind_of(ways), gap=find_gap(needs, owned, prices))
        known = best.get(option.kind)
        if known is None or _rank(option) < _rank(known):
            best[option.kind] = option
    options = tuple(best[kind] for kind in OptionKind if kind in best)
    advice = advise(options, target)
    unknown = _unknown_counts(counts, target)
    return CountsAnswer(
        options=options,
        advice=msgspec.structs.replace(advice, statements=(*advice.statements, *unknown)),
        external=weigh_external(counts.external, target, prices),
    )


def _office(counts: Counts) -> _Group:
    def rest(whole: int | None, part: int) -> int | None:
        return None if whole is None else whole - part

    return _Group(
        rest(counts.users, counts.shift_users),
        rest(counts.devices, counts.shared_devices),
        rest(counts.remote_users, counts.remote_shift_users),
        rest(counts.remote_devices, counts.remote_shared_devices),
    )


def _groups(counts: Counts) -> tuple[_Group, ...]:
    office = _office(counts)
    shifts = _Group(
        counts.shift_users,
        counts.shared_devices,
        counts.remote_shift_users,
        counts.remote_shared_devices,
    )
    present = [group for group in (office, shifts) if group.users != 0 or group.devices != 0]
    return tuple(present) or (office,)


def _ways(group: _Group) -> Iterator[_Way]:
    remote = group.remote_users or group.remote_devices
    for base in (Metric.USER, Metric.DEVICE):
        for rds in (Metric.USER, Metric.DEVICE) if remote else (None,):
            yield _Way(base, rds)


def _modes_fit(ways: Sequence[_Way], hosts: int) -> bool:
    return len({way.rds for way in ways if way.rds is not None}) <= hosts


def _kind_of(ways: Sequence[_Way]) -> OptionKind:
    metrics = {way.base for way in ways} | {way.rds for way in ways if way.rds is not None}
    if len(metrics) > 1:
        return OptionKind.MIXED
    return OptionKind.ALL_USER if Metric.USER in metrics else OptionKind.ALL_DEVICE


def _rank(option: Option) -> tuple[int, int, int, int, int]:
    """Order options of one kind: known cost, cost, fewest licences, fewest kinds, most by user."""
    cost = option.cost
    kinds = [kind for kind in Kind if option.quantity(kind)]
    return (
        cost is None,
        0 if cost is None else cost.amount_minor,
        option.gap.licences,
        len(kinds),
        -sum(option.quantity(kind) for kind in kinds if kind.metric is Metric.USER),
    )


def _needs(groups: Sequence[_Group], ways: Sequence[_Way], target: Target) -> list[Need] | None:
    """Add up what the groups need; None when a number that matters is not known."""
    totals: dict[tuple[Kind, bool], int] = {}
    for group, way in zip(groups, ways, strict=True):
        for place, quantity in _group_needs(group, way):
            if quantity is None:
                return None
            totals[place] = totals.get(place, 0) + quantity
    return [
        make_need(kind, totals[kind, beside], target, beside_rds=beside)
        for kind in Kind
        for beside in (False, True)
        if (kind, beside) in totals
    ]


def _group_needs(group: _Group, way: _Way) -> Iterator[tuple[tuple[Kind, bool], int | None]]:
    """Give what one group needs: R11 puts a base CAL of the same metric beneath each RDS CAL."""
    by_user = way.base is Metric.USER
    base = group.users if by_user else group.devices
    remote = group.remote_users if way.rds is Metric.USER else group.remote_devices
    if way.rds is not None:
        rds_kind, beneath = (
            (Kind.RDS_USER, Kind.USER) if way.rds is Metric.USER else (Kind.RDS_DEVICE, Kind.DEVICE)
        )
        yield (rds_kind, True), remote
        yield (beneath, True), remote
        if way.rds is way.base and base is not None and remote is not None:
            base -= remote
    yield (Kind.USER if by_user else Kind.DEVICE, False), base


def _out_of_range(counts: Counts) -> Iterator[FieldProblem]:
    for name in _NAMES:
        number = getattr(counts, name)
        if number is not None and not 0 <= number <= COUNT_MAX:
            yield FieldProblem(f"/{name}", f"0 to {COUNT_MAX}")


def _contradictions(counts: Counts, target: Target) -> Iterator[FieldProblem]:
    for part, whole in _PARTS:
        limit = getattr(counts, whole)
        if (
            limit is not None
            and getattr(counts, part) is not None
            and getattr(counts, part) > limit
        ):
            yield FieldProblem(f"/{part}", f"more than {whole}")
    if counts.users is None and counts.devices is None:
        yield FieldProblem("/users", "give users or devices")
    if bool(counts.shift_users) != bool(counts.shared_devices):
        yield FieldProblem("/shared_devices", "shift_users and shared_devices go together")
    if bool(counts.remote_shift_users) != bool(counts.remote_shared_devices):
        yield FieldProblem(
            "/remote_shared_devices", "remote_shift_users and remote_shared_devices go together"
        )
    if target.session_hosts and counts.remote_users is None and counts.remote_devices is None:
        yield FieldProblem("/remote_users", "give remote_users or remote_devices (0 for none)")
    if not target.session_hosts and (counts.remote_users or counts.remote_devices):
        yield FieldProblem("/session_hosts", "remote people need the versions of the session hosts")


def _unused(counts: Counts) -> Iterator[FieldProblem]:
    """Refuse people without any device, and devices without any person: they would seem to cost nothing."""
    office = _office(counts)
    for users, devices, pointer in (
        (office.users, office.devices, "/devices"),
        (office.remote_users, office.remote_devices, "/remote_devices"),
    ):
        if users is not None and devices is not None and bool(users) != bool(devices):
            yield FieldProblem(
                pointer, "beside the shifts: users without devices, or devices without users"
            )


_NAMES: Final = (
    "users",
    "devices",
    "shift_users",
    "shared_devices",
    "remote_users",
    "remote_devices",
    "remote_shift_users",
    "remote_shared_devices",
    "session_hosts",
)
_PARTS: Final = (
    ("shift_users", "users"),
    ("shared_devices", "devices"),
    ("remote_users", "users"),
    ("remote_devices", "devices"),
    ("remote_shift_users", "remote_users"),
    ("remote_shift_users", "shift_users"),
    ("remote_shared_devices", "remote_devices"),
    ("remote_shared_devices", "shared_devices"),
)


def _unknown_counts(counts: Counts, target: Target) -> Iterator[Statement]:
    names = ["users", "devices"]
    if target.session_hosts:
        names += ["remote_users", "remote_devices"]
    for name in names:
        if getattr(counts, name) is None:
            yield note(f"count_unknown_{name}", {})
