"""A question from real accesses, ready to be solved, and what becomes of it. Holds names of people."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from marketplace.imports.domain.accesses import Accesses as ImportedAccesses
from marketplace.licensing.catalogue import Metric, Product
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.need.accesses import NO_HOST, Accesses, Places, Size, make_accesses
from marketplace.licensing.need.holding import Holding
from marketplace.licensing.need.index import Names, mark_names
from marketplace.licensing.need.kinds import RDS_FAMILY, Kind
from marketplace.licensing.need.network import Holders
from marketplace.licensing.need.options import Option, OptionKind
from marketplace.licensing.need.plan import Owned, Plan, plan_accesses
from marketplace.licensing.need.prices import PriceList
from marketplace.licensing.need.proof import check_proof, least_minor
from marketplace.licensing.need.targets import Target, accepted_products
from marketplace.needs.domain.answer import AccessFacts, Draft, ProofFacts, chosen_option
from marketplace.needs.domain.assignment import Given, write_assignment
from marketplace.needs.domain.files import pack, unpack
from marketplace.needs.domain.holding import Holdings, name_key
from marketplace.needs.domain.request import Prefer


class Problem(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The accesses with their names, who holds a CAL already, and what is owned without names.

    `held_products` gives the product a named holder has, by kind and by the form in which names are compared.
    `held_elsewhere` are licences whose holders are not among the accesses or whose licence reaches too little.
    """

    accesses: Accesses
    names: Names
    held: Holders
    held_products: dict[Kind, dict[str, Product]]
    held_elsewhere: tuple[OwnedCal, ...]
    stock: tuple[OwnedCal, ...]

    @property
    def size(self) -> int:
        """How many different accesses there are."""
        return self.accesses.count


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """The draft of the answer, without names; and who gets which CAL as a CSV file, with names."""

    draft: Draft
    assignment: bytes


class _Reach(msgspec.Struct, frozen=True):
    """Which products of one kind count where: for whom a session host is reached, and for all others."""

    beside_rds: frozenset[Product]
    plain: frozenset[Product]
    remote: frozenset[str]

    def counts(self, key: str, product: Product) -> bool:
        """Tell whether a licence reaches everything its holder reaches."""
        return product in (self.beside_rds if key in self.remote else self.plain)


def number_accesses(imported: ImportedAccesses) -> tuple[Accesses, Names]:
    """Number the accesses of an import by the order of their names, so that the order of its lines never matters.

    Raises:
        TooLarge: `need.too_many_accesses`.
    """
    users, devices, hosts = imported.users, imported.devices, imported.hosts
    pairs = imported.pairs
    accesses = make_accesses(
        Size(len(users), len(devices), len(hosts)),
        _places(users)[pairs[:, 0]],
        _places(devices)[pairs[:, 1]],
        np.append(_places(hosts), np.int32(NO_HOST))[pairs[:, 2]],
    )
    names = Names(
        users=_in_order(users),
        devices=_in_order(devices),
        hosts=_in_order(hosts),
        rows=len(pairs),
        without_user=0,
        without_device=0,
    )
    return accesses, names


def make_problem(accesses: Accesses, names: Names, holdings: Holdings, target: Target) -> Problem:
    """Mark who holds a CAL that reaches everything its holder reaches."""
    products: dict[Kind, dict[str, Product]] = {kind: {} for kind in Kind}
    elsewhere: Counter[Product] = Counter()
    reach = {kind: _reach(kind, accesses, names, target) for kind in Kind}
    known = {metric: {name_key(name) for name in _side(metric, names)} for metric in Metric}
    for row in holdings.held:
        kind, key = _kind_of(row.product), name_key(row.user or row.device)
        is_new = key in known[kind.metric] and key not in products[kind]
        if is_new and reach[kind].counts(key, row.product):
            products[kind][key] = row.product
        else:
            elsewhere[row.product] += 1
    return Problem(
        accesses=accesses,
        names=names,
        held=Holders(
            **{
                kind.value: mark_names(_side(kind.metric, names), frozenset(products[kind]))
                for kind in Kind
            }
        ),
        held_products=products,
        held_elsewhere=_amounts(elsewhere),
        stock=holdings.stock,
    )


def solve_problem(problem: Problem, target: Target, prices: PriceList, prefer: Prefer) -> Solution:
    """Find the least cost and check its proof. Takes up to some seconds at the limits.

    Raises:
        Malformed: as `plan_accesses`.
    """
    owned = Owned(stock=problem.stock, held=problem.held)
    found = plan_accesses(problem.accesses, target, prices, owned)
    wrong = check_proof(found.task, found.solved.answer)
    if wrong:
        raise AssertionError(f"the proof of an answer does not hold: {', '.join(wrong)}")
    chosen = chosen_option(found.options, found.advice, prefer)
    shown = chosen or min(found.options, key=_licences)
    holding = found.holdings[shown.kind]
    draft = Draft(
        options=found.options,
        advice=found.advice,
        chosen=None if chosen is None else chosen.kind,
        accesses=_facts(problem, found, shown.kind),
        spare=_spare(problem, holding),
    )
    given = Given(
        names=problem.names,
        held=problem.held,
        held_products=problem.held_products,
        holding=holding,
        lines=shown.gap.lines,
    )
    return Solution(draft=draft, assignment=write_assignment(given))


def pack_problem(problem: Problem) -> bytes:
    """Write a problem as bytes, compressed."""
    accesses, held = problem.accesses, problem.held
    packed = _Packed(
        sizes=(accesses.users, accesses.devices, accesses.hosts),
        columns=tuple(
            column.astype("<i4").tobytes()
            for column in (accesses.user, accesses.device, accesses.host)
        ),
        names=problem.names,
        held=tuple(np.packbits(marks).tobytes() for marks in held.all),
        held_products=problem.held_products,
        held_elsewhere=problem.held_elsewhere,
        stock=problem.stock,
    )
    return pack(msgspec.msgpack.encode(packed))


def unpack_problem(data: bytes) -> Problem:
    """Read what `pack_problem` wrote."""
    packed = msgspec.msgpack.decode(unpack(data), type=_Packed)
    users, devices, hosts = packed.sizes
    user, device, host = (np.frombuffer(column, "<i4") for column in packed.columns)
    marks = [
        np.unpackbits(np.frombuffer(bits, np.uint8), count=size).astype(np.bool_)
        for bits, size in zip(packed.held, (users, devices, users, devices), strict=True)
    ]
    return Problem(
        accesses=Accesses(
            users=users, devices=devices, hosts=hosts, user=user, device=device, host=host
        ),
        names=packed.names,
        held=Holders(**{kind.value: row for kind, row in zip(Kind, marks, strict=True)}),
        held_products=packed.held_products,
        held_elsewhere=packed.held_elsewhere,
        stock=packed.stock,
    )


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    sizes: tuple[int, int, int]
    columns: tuple[bytes, ...]
    names: Names
    held: tuple[bytes, ...]
    held_products: dict[Kind, dict[str, Product]]
    held_elsewhere: tuple[OwnedCal, ...]
    stock: tuple[OwnedCal, ...]


def _facts(problem: Problem, found: Plan, shown: OptionKind) -> AccessFacts:
    accesses, names, answer = problem.accesses, problem.names, found.solved.answer
    per_device = int(np.count_nonzero(found.holdings[shown].per_device))
    proof = answer.proof
    return AccessFacts(
        users=accesses.users,
        devices=accesses.devices,
        hosts=accesses.hosts,
        accesses=accesses.count,
        rows=names.rows,
        without_user=names.without_user,
        without_device=names.without_device,
        hosts_per_user=accesses.hosts - per_device,
        hosts_per_device=per_device,
        assigned=shown,
        could_save_at_most=found.could_save_at_most,
        proof=ProofFacts(
            flow_minor=-(-proof.value // proof.scale),
            owned_minor=proof.weights.times(found.task.owned) // proof.scale,
            least_minor=least_minor(found.task, proof),
            cost_minor=answer.cost_minor,
            counts_licences=found.could_save_at_most is None,
        ),
    )


def _spare(problem: Problem, holding: Holding) -> tuple[OwnedCal, ...]:
    """Count the licences held by name that license nothing here (R12: they may be given to somebody else)."""
    amounts = Counter({row.product: row.quantity for row in problem.held_elsewhere})
    unused = problem.held.without(holding.holders)
    for kind, marks in zip(Kind, unused.all, strict=True):
        side = _side(kind.metric, problem.names)
        for place in np.flatnonzero(marks).tolist():
            amounts[problem.held_products[kind][name_key(side[place])]] += 1
    return _amounts(amounts)


def _reach(kind: Kind, accesses: Accesses, names: Names, target: Target) -> _Reach:
    column = accesses.user if kind.metric is Metric.USER else accesses.device
    side = _side(kind.metric, names)
    remote = np.unique(column[accesses.through_host]).tolist()
    return _Reach(
        beside_rds=frozenset(accepted_products(kind, target, beside_rds=True)),
        plain=frozenset(accepted_products(kind, target)),
        remote=frozenset(name_key(side[place]) for place in remote),
    )


def _kind_of(product: Product) -> Kind:
    """Give the kind a licence counts as; a suite counts as the base CAL it holds (R15)."""
    is_user = product.metric is Metric.USER
    if product.family == RDS_FAMILY:
        return Kind.RDS_USER if is_user else Kind.RDS_DEVICE
    return Kind.USER if is_user else Kind.DEVICE


def _side(metric: Metric, names: Names) -> tuple[str, ...]:
    return names.users if metric is Metric.USER else names.devices


def _amounts(amounts: Mapping[Product, int]) -> tuple[OwnedCal, ...]:
    return tuple(
        OwnedCal(product=product, quantity=quantity)
        for product, quantity in sorted(amounts.items())
    )


def _in_order(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=name_key))


def _places(names: Sequence[str]) -> Places:
    """Give the place of each name in the order of all."""
    places = np.empty(len(names), np.int32)
    places[sorted(range(len(names)), key=lambda number: name_key(names[number]))] = np.arange(
        len(names), dtype=np.int32
    )
    return places


def _licences(option: Option) -> int:
    return option.gap.licences
