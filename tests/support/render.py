"""The real printing process for tests, started by the first paper and shared by the rest of the run."""

import asyncio
from pathlib import Path

import msgspec

from marketplace.infra.render.pool import RenderPool


class FirstUseRenderer:
    """A `Renderer` whose pool starts when the first paper is asked for: most tests print nothing."""

    def __init__(self, fonts_cache: Path) -> None:
        self._pool = RenderPool(fonts_cache)
        self._lock = asyncio.Lock()
        self._started = False

    async def render(self, kind: str, version: int, language: str, view: msgspec.Struct) -> bytes:
        """Print one paper, see `Renderer.render`."""
        async with self._lock:
            if not self._started:
                await self._pool.start()
                self._started = True
        return await self._pool.render(kind, version, language, view)

    async def close(self) -> None:
        """End the printing process, if there is one."""
        if self._started:
            await self._pool.close()
