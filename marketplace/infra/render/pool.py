"""A pool of warm printing processes.

Processes, because Pango must not be used by two threads and because a paper that hangs or crashes
must cost one child and nobody else. A child is replaced after a crash, after a paper over the time
limit and after a few thousand papers (WeasyPrint grows by about 9 MB per 1,000).
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from marketplace.infra.render.fonts import FONTCONFIG, prepare_fonts
from marketplace.infra.render.port import RenderFailed
from marketplace.infra.render.wire import (
    FAILURE,
    HEADER,
    ORDER,
    REFUSAL,
    Order,
    Refusal,
    frame,
)
from marketplace.infra.settings import Settings
from marketplace.kernel.errors import Unavailable

ROOT: Final = Path(__file__).resolve().parents[3]
TEMPLATES: Final = ROOT / "templates"
PASSED_ON: Final = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "LANG")
"""Names of environment variables a child gets; no `CESSION_*` among them."""

log = structlog.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a child has to go."""

    paper_seconds_max: float = 30.0
    start_seconds_max: float = 60.0
    papers_max: int = 2000
    """Papers a child prints before a fresh one takes its place."""


class Child:
    """One process that prints one paper at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.papers = 0

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._process.pid

    async def ask(self, order: bytes) -> tuple[bytes, bytes]:
        """Send an order, give the reply; raises `OSError` or `EOFError` if the process ended."""
        writer = self._process.stdin
        if writer is None:  # pragma: no cover  # the process is always started with a pipe
            raise EOFError
        writer.write(frame(ORDER, order))
        await writer.drain()
        self.papers += 1
        return await self.reply()

    async def reply(self) -> tuple[bytes, bytes]:
        """Wait for one frame."""
        reader = self._process.stdout
        if reader is None:  # pragma: no cover  # the process is always started with a pipe
            raise EOFError
        tag, length = HEADER.unpack(await reader.readexactly(HEADER.size))
        return tag, await reader.readexactly(length)

    async def end(self) -> None:
        """Kill the process and wait until it is gone; it holds nothing worth a farewell."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class RenderPool:
    """The real `Renderer`: `processes` children, each kept warm. Belongs to one event loop."""

    def __init__(
        self,
        fonts_cache: Path,
        *,
        processes: int = 1,
        templates: Path = TEMPLATES,
        limits: Limits | None = None,
    ) -> None:
        """`fonts_cache` is a writable folder that survives restarts, e.g. `<data_dir>/fonts`."""
        self._fonts_cache = fonts_cache
        self._processes = processes
        self._templates = templates
        self._limits = limits or Limits()
        self._preparing = asyncio.Lock()
        self._free: asyncio.Queue[Child | None] = asyncio.Queue()
        self._all: set[Child] = set()
        self._refills: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Give the process ids of the living children."""
        return tuple(sorted(child.pid for child in self._all))

    async def start(self) -> None:
        """Make the fonts if need be and start every child; returns when all are warm.

        Raises `Unavailable` (`document.renderer_unavailable`) if a child does not start; the pool
        may be used all the same, the next paper tries to start it again.
        """
        starts = (self._start_child() for _ in range(self._processes))
        started = await asyncio.gather(*starts, return_exceptions=True)
        for child in started:
            self._free.put_nowait(child if isinstance(child, Child) else None)
        for problem in started:
            if isinstance(problem, BaseException):
                raise problem

    async def close(self) -> None:
        """End every child; papers being printed are refused with `document.renderer_closed`."""
        self._closed = True
        for refill in self._refills:
            refill.cancel()
        await asyncio.gather(*self._refills, return_exceptions=True)
        await asyncio.gather(*(self._end(child) for child in tuple(self._all)))
        for _ in range(self._processes):
            self._free.put_nowait(None)

    async def render(self, kind: str, version: int, language: str, view: msgspec.Struct) -> bytes:
        """Print one paper; see `Renderer.render`."""
        facts = msgspec.Raw(msgspec.json.encode(view))
        order = Order(kind=kind, version=version, language=language, view=facts)
        tag, body = await self._print(msgspec.json.encode(order))
        if tag == REFUSAL:
            raise msgspec.json.decode(body, type=Refusal).error()
        if tag == FAILURE:
            raise RenderFailed(body.decode())
        return body

    async def _print(self, order: bytes) -> tuple[bytes, bytes]:
        child = await self._take()
        healthy = False
        try:
            async with asyncio.timeout(self._limits.paper_seconds_max):
                reply = await child.ask(order)
            healthy = child.papers < self._limits.papers_max
        except TimeoutError as late:
            log.warning("renderer.timeout", pid=child.pid)
            raise Unavailable(
                "document.renderer_timeout",
                f"Printing took longer than {self._limits.paper_seconds_max:g} seconds and was"
                " stopped. Try again later.",
            ) from late
        except (OSError, EOFError) as ended:
            if self._closed:
                raise _closed() from ended
            log.warning("renderer.crashed", pid=child.pid)
            raise Unavailable(
                "document.renderer_crashed",
                "The printing process ended before the paper was done. Try again.",
            ) from ended
        else:
            return reply
        finally:
            # Also on cancellation: the reply still to come would belong to nobody.
            self._give_back(child, healthy=healthy)

    async def _take(self) -> Child:
        """Wait for a free child; `None` in the queue is a place whose child did not start."""
        child = await self._free.get()
        if child is not None and not self._closed:
            return child
        started = None
        try:
            if self._closed:
                raise _closed()
            started = await self._start_child()
        finally:
            if started is None:
                self._free.put_nowait(None)
        return started

    def _give_back(self, child: Child, *, healthy: bool) -> None:
        if healthy or self._closed:
            self._free.put_nowait(child)
            return
        refill = asyncio.create_task(self._refill(child))
        self._refills.add(refill)
        refill.add_done_callback(self._refills.discard)

    async def _refill(self, worn: Child) -> None:
        """Put a fresh child in the place of a worn one while other children go on printing."""
        fresh = None
        try:
            await self._end(worn)
            fresh = await self._start_child()
        except Unavailable as problem:
            log.warning("renderer.start_failed", detail=problem.detail)
        finally:
            self._free.put_nowait(fresh)

    async def _start_child(self) -> Child:
        try:
            async with asyncio.timeout(self._limits.start_seconds_max):
                return await self._start_warm_child()
        except (OSError, EOFError) as problem:  # TimeoutError is an OSError
            raise Unavailable(
                "document.renderer_unavailable",
                "The printing process does not start; its log says why. Try again later.",
            ) from problem

    async def _start_warm_child(self) -> Child:
        async with self._preparing:
            fonts = await asyncio.to_thread(prepare_fonts, self._fonts_cache)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "marketplace.infra.render.child"),
            *(str(self._templates), str(fonts), str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(fonts),
            # Ctrl-C goes to every process of the terminal's group; children are ended by `close`.
            start_new_session=True,
        )
        child = Child(process)
        self._all.add(child)
        try:
            await child.reply()
        except BaseException:
            await self._end(child)
            raise
        return child

    async def _end(self, child: Child) -> None:
        await child.end()
        self._all.discard(child)


def _environment(fonts: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed_on,
        "FONTCONFIG_FILE": str(fonts / FONTCONFIG),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }


def _closed() -> Unavailable:
    return Unavailable(
        "document.renderer_closed", "This process is stopping and prints no more. Try again."
    )


@contextlib.asynccontextmanager
async def open_renderer(settings: Settings) -> AsyncIterator[RenderPool]:
    """Run a warm pool as long as the block runs; a worker opens one when it starts."""
    pool = RenderPool(
        Path(settings.data_dir) / "fonts",
        processes=settings.render_processes,
    )
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()
