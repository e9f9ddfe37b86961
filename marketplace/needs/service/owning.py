"""What the company owns: told with the request, or read from its accepted imports."""

from collections.abc import Iterator, Sequence
from typing import Final

from marketplace.imports import service as imports
from marketplace.imports.domain.batch import Kind, require_accepted, require_kind
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, FieldProblem, NotFound
from marketplace.licensing.catalogue import Metric, Product
from marketplace.licensing.need.kinds import RDS_FAMILY
from marketplace.needs.domain.holding import Held, Holdings, hold
from marketplace.needs.domain.request import Asked
from marketplace.needs.domain.surplus import OwnedPosition, told_position

_KINDS: Final = {
    "accesses_import_id": (Kind.ACCESS_PAIRS,),
    "owned_import_id": (Kind.LICENCE_STATEMENT, Kind.LICENCE_LIST),
    "usage_import_id": (Kind.RDS_USAGE,),
}


async def check_imports(work: Work, asked: Asked) -> None:
    """Refuse imports that cannot be used; the caller sees its own only.

    Raises:
        Conflict: `need.import_unknown`, `import.wrong_kind` or `import.not_accepted`, pointing at the import.
    """
    for name, kinds in _KINDS.items():
        import_id = getattr(asked, name)
        if import_id is None:
            continue
        place = FieldProblem(f"/{name}", "not an import that can be used here")
        try:
            batch = await imports.load_import(work, import_id)
            require_kind(batch, *kinds)
            require_accepted(batch)
        except NotFound as refusal:
            raise Conflict(
                "need.import_unknown",
                "There is no such import for your company (any more); send the file again.",
                place,
            ) from refusal
        except Conflict as refusal:
            raise Conflict(refusal.code, refusal.detail, place) from refusal


async def holdings_of(work: Work, asked: Asked, held: Sequence[Held]) -> Holdings:
    """Put together everything that is owned.

    Raises:
        NotFound, Conflict: an import named is gone or not accepted.
    """
    lines = [told_position(row.product, row.quantity) for row in asked.owned]
    if asked.owned_import_id is not None:
        lines += [
            OwnedPosition(position=position, quantity=quantity, line_no=line_no)
            for line_no, position, quantity in await imports.owned_positions(
                work, asked.owned_import_id
            )
        ]
    holders = list(held)
    if asked.usage_import_id is not None:
        holders += _holders(await imports.usage(work, asked.usage_import_id))
    return hold(lines, holders, asked.target)


def _holders(usage: imports.Usage) -> Iterator[Held]:
    for user, version in usage.users.items():
        yield Held(product=Product(RDS_FAMILY, version, Metric.USER), user=user)
    for device, version in usage.devices.items():
        yield Held(product=Product(RDS_FAMILY, version, Metric.DEVICE), device=device)
