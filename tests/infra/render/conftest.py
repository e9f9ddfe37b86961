"""One engine in this process and one warm pool for all tests of printing."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from marketplace.infra.render.fonts import FONTCONFIG, prepare_fonts
from marketplace.infra.render.pool import RenderPool
from tests.support.certificates import TEMPLATES
from tests.support.source import CHECKOUT

if TYPE_CHECKING:
    from marketplace.infra.render.engine import Engine

FONTS_CACHE: Final = CHECKOUT / "var" / "fonts"


@pytest.fixture(scope="session")
def fonts() -> Path:
    """Give the prepared font folder; building it takes 3 s, so tests share the default cache."""
    return prepare_fonts(FONTS_CACHE)


@pytest.fixture(scope="session")
def engine(fonts: Path) -> "Engine":
    """Give an engine in this process, for what a test wants to see from inside."""
    os.environ["FONTCONFIG_FILE"] = str(fonts / FONTCONFIG)
    from marketplace.infra.render.engine import Engine  # noqa: PLC0415  # reads FONTCONFIG_FILE

    return Engine(TEMPLATES, fonts)


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[RenderPool]:
    """Give two warm printing processes with the real templates."""
    running = RenderPool(FONTS_CACHE, processes=2)
    try:
        await running.start()
        yield running
    finally:
        await running.close()
