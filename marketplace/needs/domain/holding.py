"""What the company owns: lines, and licences that a named user or device holds already.

`owned` is everything of a product; names say who holds some of them. More names than licences count as owned too.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import FamilyKind, Metric, Product, load_catalogue
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement
from marketplace.licensing.need.kinds import BASE_FAMILY, RDS_FAMILY
from marketplace.licensing.need.options import note
from marketplace.licensing.need.targets import Target
from marketplace.needs.domain.files import pack, unpack
from marketplace.needs.domain.surplus import OwnedPosition, told_position


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A licence that a named user or a named device holds (one of the two). The name is personal."""

    product: Product
    user: str = ""
    device: str = ""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is owned: by line for listings, by name, and what has no name. Only what the question is about."""

    positions: tuple[OwnedPosition, ...] = ()
    held: tuple[Held, ...] = ()
    stock: tuple[OwnedCal, ...] = ()
    statements: tuple[Statement, ...] = ()

    @property
    def everything(self) -> tuple[OwnedCal, ...]:
        """Give all licences by product, held by name or not."""
        totals = Counter({row.product: row.quantity for row in self.stock})
        totals.update(row.product for row in self.held)
        return tuple(OwnedCal(product=product, quantity=totals[product]) for product in totals)


def pack_held(held: Sequence[Held]) -> bytes:
    """Write named holders as bytes."""
    return pack(msgspec.msgpack.encode(held))


def unpack_held(data: bytes) -> tuple[Held, ...]:
    """Read what `pack_held` wrote."""
    return msgspec.msgpack.decode(unpack(data), type=tuple[Held, ...])


def check_held(held: Sequence[Held]) -> None:
    """Refuse names that say nothing.

    Raises:
        Malformed: `need.holder_ambiguous`, pointing at each row that does not name exactly one holder, or one of the
            wrong kind.
    """
    wrong = [
        FieldProblem(f"/owned_names/{place}", "exactly one of user and device, as the licence is")
        for place, row in enumerate(held)
        if (row.product.metric is Metric.USER) != bool(row.user.strip())
        or (row.product.metric is Metric.DEVICE) != bool(row.device.strip())
    ]
    if wrong:
        raise Malformed(
            "need.holder_ambiguous",
            "A user licence is held by a user, a device licence by a device; name that one.",
            *wrong,
        )


def hold(lines: Sequence[OwnedPosition], held: Sequence[Held], target: Target) -> Holdings:
    """Set lines and names against each other; what the question is not about is left out and said."""
    asked = [row for row in lines if _is_asked(row.position.product, target)]
    named = _each_once([row for row in held if _is_asked(row.product, target)])
    totals: Counter[Product] = Counter()
    for row in asked:
        totals[row.position.product] += row.quantity
    names = Counter(row.product for row in named)
    beyond = names - totals
    return Holdings(
        positions=(
            *asked,
            *(told_position(product, beyond[product]) for product in sorted(beyond)),
        ),
        held=named,
        stock=tuple(
            OwnedCal(product=product, quantity=quantity)
            for product, quantity in sorted((totals - names).items())
        ),
        statements=tuple(_left_out(lines, held, target)),
    )


def _is_asked(product: Product, target: Target) -> bool:
    """Tell whether licences of this product can serve what is asked: RDS CALs only where session hosts are named."""
    if product.family == RDS_FAMILY:
        return bool(target.session_hosts)
    family = load_catalogue().family_of(product)
    return product.family == BASE_FAMILY or family.kind is FamilyKind.SUITE


def _each_once(held: Sequence[Held]) -> tuple[Held, ...]:
    """Keep the first of equal holders of one product; names are compared without case and outer spaces."""
    found: dict[tuple[Product, str, str], Held] = {}
    for row in held:
        found.setdefault((row.product, name_key(row.user), name_key(row.device)), row)
    return tuple(found.values())


def name_key(name: str) -> str:
    """Give the form in which names of accounts and devices are compared."""
    return name.strip().casefold()


def _left_out(
    lines: Sequence[OwnedPosition], held: Sequence[Held], target: Target
) -> Iterator[Statement]:
    amounts: Counter[Product] = Counter()
    for line in lines:
        amounts[line.position.product] += line.quantity
    for product, count in Counter(row.product for row in held).items():
        amounts[product] = max(amounts[product], count)
    for product, quantity in sorted(amounts.items()):
        if not _is_asked(product, target):
            name = load_catalogue().product_name(product)
            params: dict[str, str | int] = {"product": name, "quantity": quantity}
            yield msgspec.structs.replace(note("", params), message_key="need_answer.not_looked_at")
