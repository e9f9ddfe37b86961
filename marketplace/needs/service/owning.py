"""What the company owns: told with the request, or read from its accepted imports."""

from collections.abc import Sequence

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, FieldProblem
from marketplace.licensing.need.accesses import Accesses
from marketplace.licensing.need.index import Names
from marketplace.needs.domain.holding import Held, Holdings, hold
from marketplace.needs.domain.request import Asked
from marketplace.needs.domain.surplus import told_position


async def check_imports(work: Work, asked: Asked) -> None:
    """Refuse imports that cannot be used.

    Raises:
        Conflict: `need.import_not_usable`, pointing at each of them.
    """
    del work
    named = ("accesses_import_id", "owned_import_id", "usage_import_id")
    given = [name for name in named if getattr(asked, name) is not None]
    if given:
        raise Conflict(
            "need.import_not_usable",
            "Imports cannot be used yet; send the accesses and licences with the request.",
            *(FieldProblem(f"/{name}", "not possible yet") for name in given),
        )


async def accesses_hash(work: Work, asked: Asked) -> str:
    """Give the stored file of the accesses."""
    await check_imports(work, asked)
    return ""


def read_file(data: bytes) -> tuple[Accesses, Names]:
    """Read the stored file of accesses."""
    raise NotImplementedError(len(data))


async def holdings_of(work: Work, asked: Asked, held: Sequence[Held]) -> Holdings:
    """Put together everything that is owned."""
    del work
    lines = [told_position(row.product, row.quantity) for row in asked.owned]
    return hold(lines, held, asked.target)
