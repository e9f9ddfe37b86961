"""What later stages take from accepted imports."""

from uuid import UUID

import msgspec

from marketplace.imports.domain.batch import Import, Kind, Outcome, require_accepted, require_kind
from marketplace.imports.service.receiving import load_import
from marketplace.imports.store import found
from marketplace.infra.work import Work
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.eligibility.positions import SourcePosition


class AccessFile(msgspec.Struct, frozen=True):
    """Where accesses are stored, for `domain.accesses.read_accesses`, and how many there are.

    `pairs` counts distinct accesses (user, device, host).
    """

    sha256: str
    users: int
    devices: int
    hosts: int
    pairs: int


class Usage(msgspec.Struct, frozen=True):
    """Who holds an RDS CAL: names to the newest CAL version they hold. Names as the report writes them."""

    users: dict[str, str]
    devices: dict[str, str]


async def owned_positions(work: Work, import_id: UUID) -> list[tuple[int, SourcePosition, int]]:
    """Give the licences of an accepted statement or list: line number, position, quantity.

    Lines that a condition holds are among them: what may not be sold today is owned all the same.

    Raises:
        NotFound.
        Conflict: `import.wrong_kind`, `import.not_accepted`.
    """
    await _load(work, import_id, Kind.LICENCE_STATEMENT, Kind.LICENCE_LIST)
    owned = []
    async for page in found.each_page(work.connection, import_id, (Outcome.GOOD, Outcome.HELD)):
        owned += [
            (line.number, line.position, line.quantity)
            for line in page
            if line.position is not None and line.quantity is not None
        ]
    return owned


async def access_file(work: Work, import_id: UUID) -> AccessFile:
    """Give the file of accesses of an accepted import.

    Raises:
        NotFound.
        Conflict: `import.wrong_kind`, `import.not_accepted`.
    """
    batch = await _load(work, import_id, Kind.ACCESS_PAIRS)
    sizes = {} if batch.facts is None else batch.facts.sizes
    return AccessFile(
        batch.normal_sha256, *(sizes[name] for name in ("users", "devices", "hosts", "pairs"))
    )


async def usage(work: Work, import_id: UUID) -> Usage:
    """Give who holds an RDS CAL by an accepted usage report; temporary licences are no CALs.

    Raises:
        NotFound.
        Conflict: `import.wrong_kind`, `import.not_accepted`.
    """
    await _load(work, import_id, Kind.RDS_USAGE)
    catalogue = load_catalogue()
    held: dict[Metric, dict[str, str]] = {Metric.USER: {}, Metric.DEVICE: {}}
    async for page in found.each_page(work.connection, import_id, (Outcome.GOOD,)):
        for line in page:
            product = catalogue.product(line.product or "")
            known = held[product.metric]
            # Versions of this family are years: text order is release order.
            known[line.holder] = max(known.get(line.holder, ""), product.version)
    return Usage(held[Metric.USER], held[Metric.DEVICE])


async def _load(work: Work, import_id: UUID, *kinds: Kind) -> Import:
    batch = await load_import(work, import_id)
    require_kind(batch, *kinds)
    require_accepted(batch)
    return batch
