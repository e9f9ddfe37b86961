"""The port through which stages print papers."""

from typing import Protocol

import msgspec


class RenderFailed(Exception):
    """A template or the engine is defective: trying again cannot help, a person must look."""


class Renderer(Protocol):
    """Turns the facts of a paper into PDF bytes; the same facts always give the same bytes."""

    async def render(self, kind: str, version: int, language: str, view: msgspec.Struct) -> bytes:
        """Print `view` with the template `kind`, `version` in `language` (`en`, `de`).

        Call it with no transaction open: it waits for a free process. Raises `Malformed`
        (`document.unprintable_text`: a letter our fonts do not have), `NotFound`
        (`document.unknown_template`), `Unavailable` (`document.renderer_crashed`,
        `document.renderer_timeout`, `document.renderer_closed`: try again later) and
        `RenderFailed` (a defect).
        """
        ...
