"""Which stored files imports hold. Files are shared by content, so these rows belong to the system."""

from typing import Final

from sqlalchemy import bindparam, delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.imports.tables import files, imports

_ADD: Final = insert(files).values(sha256=bindparam("sha256"), removing=False)
# A no-op update: it waits for whoever holds the row and shows what it says then.
_CLAIM: Final = _ADD.on_conflict_do_update(
    index_elements=["sha256"], set_={"removing": files.c.removing}
).returning(files.c.removing)
_LOCK: Final = select(files.c.sha256).where(files.c.sha256 == bindparam("wanted")).with_for_update()
_MARK: Final = update(files).where(files.c.sha256 == bindparam("wanted")).values(removing=True)
_FORGET: Final = delete(files).where(files.c.sha256 == bindparam("wanted"))
_NAMED: Final = select(
    exists().where(
        or_(imports.c.sha256 == bindparam("wanted"), imports.c.normal_sha256 == bindparam("wanted"))
    )
)


async def claim(connection: AsyncConnection, sha256: str) -> bool:
    """Note that a file is about to be named; False while an equal one is being removed."""
    return not await connection.scalar(_CLAIM, {"sha256": sha256})


async def lock(connection: AsyncConnection, sha256: str) -> bool:
    """Wait for whoever claims this file; False when no import ever held it."""
    return await connection.scalar(_LOCK, {"wanted": sha256}) is not None


async def is_named(connection: AsyncConnection, sha256: str) -> bool:
    """Say whether an import holds this file."""
    return bool(await connection.scalar(_NAMED, {"wanted": sha256}))


async def mark_removing(connection: AsyncConnection, sha256: str) -> None:
    """Keep new imports away from a file that is about to be removed."""
    await connection.execute(_MARK, {"wanted": sha256})


async def forget(connection: AsyncConnection, sha256: str) -> None:
    """Forget a removed file: it may come again."""
    await connection.execute(_FORGET, {"wanted": sha256})
