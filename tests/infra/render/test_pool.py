"""Printing processes: warm, replaceable, without secrets, and gone when their parent is."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil
import pytest

from marketplace.infra.render.pool import Limits, RenderPool, open_renderer
from marketplace.infra.render.port import Renderer, RenderFailed
from marketplace.infra.settings import Settings
from marketplace.kernel.errors import NotFound, Unavailable
from tests.infra.render.conftest import FONTS_CACHE
from tests.support.certificates import TEMPLATES, certificate_view
from tests.support.source import CHECKOUT

SIMPLE: Final = '<html lang="{{ language }}"><head><title>t</title></head><body>%s</body></html>'
PAGES: Final = {
    "note": "<p>{{ view.text }}</p>",
    "slow": "{% for turn in range(10 ** 12) %}{% endfor %}",
    "broken": "<p>{{ view.absent }}</p>",
    "crooked": "<p>",
}


class Note(msgspec.Struct):
    text: str = "hello"


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small set of templates, among them one that never ends and two that are defective."""
    folder = tmp_path_factory.mktemp("templates")
    shutil.copytree(TEMPLATES / "locales", folder / "locales")
    for kind, body in PAGES.items():
        template = folder / "documents" / kind / "v1"
        template.mkdir(parents=True)
        (template / "page.html").write_text(SIMPLE % body)
        (template / "page.css").write_text("body { font-family: 'IBM Plex Sans' }")
    return folder


@asynccontextmanager
async def running(
    templates: Path, processes: int = 1, **limits: float
) -> AsyncIterator[RenderPool]:
    pool = RenderPool(
        FONTS_CACHE,
        processes=processes,
        templates=templates,
        limits=msgspec.convert(limits, Limits),
    )
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another process does: nobody here could set an event."""
    deadline = time.monotonic() + seconds
    while not condition():
        await asyncio.sleep(0.02)
        assert time.monotonic() < deadline


def busy(pid: int) -> Callable[[], bool]:
    """Tell whether a child has begun to work on the endless template."""
    start = sum(psutil.Process(pid).cpu_times()[:2])
    return lambda: sum(psutil.Process(pid).cpu_times()[:2]) > start + 0.1


class TestRunPool:
    async def test_settings_are_enough_to_open_one(self, tmp_path: Path) -> None:
        (tmp_path / "fonts").symlink_to(FONTS_CACHE)
        async with open_renderer(Settings(data_dir=str(tmp_path))) as renderer:
            port: Renderer = renderer
            pdf = await port.render("certificate", 1, "en", certificate_view())
        assert pdf.startswith(b"%PDF-1.7")

    async def test_close_ends_every_child(self, templates: Path) -> None:
        async with running(templates, processes=2) as pool:
            pids = pool.pids
            assert len(pids) == 2
        assert pool.pids == ()
        assert not any(psutil.pid_exists(pid) for pid in pids)

    async def test_papers_are_not_mixed_up_between_processes(self, templates: Path) -> None:
        async with running(templates, processes=2) as pool:
            texts = [f"note number {number}" for number in range(12)]
            alone = {text: await pool.render("note", 1, "en", Note(text)) for text in texts}
            together = await asyncio.gather(
                *(pool.render("note", 1, "en", Note(text)) for text in texts)
            )
        assert together == [alone[text] for text in texts]

    async def test_child_gets_no_setting_and_no_secret(
        self, templates: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CESSION_DATABASE_URL", "postgresql://secret")
        async with running(templates) as pool:
            environment = psutil.Process(pool.pids[0]).environ()
        assert not [name for name in environment if name.startswith("CESSION")]
        assert "PYTHONHASHSEED" not in environment

    async def test_pool_that_could_not_start_is_ready_when_the_cause_is_gone(
        self, templates: Path, tmp_path: Path
    ) -> None:
        pool = RenderPool(FONTS_CACHE, templates=tmp_path / "late")
        try:
            with pytest.raises(Unavailable, match="renderer_unavailable"):
                await pool.start()
            shutil.copytree(templates, tmp_path / "late")
            assert await pool.render("note", 1, "en", Note())
        finally:
            await pool.close()

    async def test_cache_that_cannot_be_written_is_told(
        self, templates: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("not a folder")
        pool = RenderPool(tmp_path / "file", templates=templates)
        with pytest.raises(Unavailable, match="renderer_unavailable"):
            await pool.start()
        await pool.close()


class TestRefuse:
    async def test_unknown_template_version_and_language_are_refused(self, templates: Path) -> None:
        async with running(templates) as pool:
            for kind, version, language in (
                ("passport", 1, "en"),
                ("note", 2, "en"),
                ("note", 1, "fr"),
                ("../locales/en", 1, "en"),
            ):
                with pytest.raises(NotFound) as refusal:
                    await pool.render(kind, version, language, Note())
                assert refusal.value.code == "document.unknown_template"
            assert await pool.render("note", 1, "en", Note())

    @pytest.mark.parametrize("kind", ["broken", "crooked"])
    async def test_defective_template_is_told_and_the_child_lives(
        self, templates: Path, kind: str
    ) -> None:
        async with running(templates) as pool:
            pids = pool.pids
            with pytest.raises(RenderFailed, match=r"absent|mismatched tag"):
                await pool.render(kind, 1, "en", Note())
            assert await pool.render("note", 1, "en", Note())
            assert pool.pids == pids


class TestReplaceChild:
    async def test_crash_costs_one_paper_and_the_next_is_printed(self, templates: Path) -> None:
        async with running(templates) as pool:
            (pid,) = pool.pids
            printing = asyncio.create_task(pool.render("slow", 1, "en", Note()))
            await until(busy(pid))
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable) as refusal:
                await printing
            assert refusal.value.code == "document.renderer_crashed"
            assert await pool.render("note", 1, "en", Note())
            assert pool.pids != (pid,)

    async def test_child_that_died_while_idle_is_replaced(self, templates: Path) -> None:
        async with running(templates) as pool:
            (pid,) = pool.pids
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable, match="renderer_crashed"):
                await pool.render("note", 1, "en", Note())
            assert await pool.render("note", 1, "en", Note())

    async def test_paper_over_the_time_limit_is_stopped(self, templates: Path) -> None:
        async with running(templates, paper_seconds_max=1.0) as pool:
            (pid,) = pool.pids
            with pytest.raises(Unavailable) as refusal:
                await pool.render("slow", 1, "en", Note())
            assert refusal.value.code == "document.renderer_timeout"
            await until(lambda: not psutil.pid_exists(pid))
            assert await pool.render("note", 1, "en", Note())

    async def test_cancelled_paper_does_not_reach_the_next_caller(self, templates: Path) -> None:
        async with running(templates) as pool:
            (pid,) = pool.pids
            printing = asyncio.create_task(pool.render("slow", 1, "en", Note()))
            await until(busy(pid))
            printing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await printing
            text = "after the cancelled one"
            fresh = await pool.render("note", 1, "en", Note(text))
            assert await pool.render("note", 1, "en", Note(text)) == fresh

    async def test_child_is_renewed_after_its_share_of_papers(self, templates: Path) -> None:
        async with running(templates, papers_max=2) as pool:
            (first,) = pool.pids
            for _ in range(3):
                await pool.render("note", 1, "en", Note())
            assert pool.pids != (first,)

    async def test_pool_recovers_when_a_start_failed(self, templates: Path, tmp_path: Path) -> None:
        moving = tmp_path / "templates"
        shutil.copytree(templates, moving)
        async with running(moving) as pool:
            (pid,) = pool.pids
            hidden = moving.rename(tmp_path / "hidden")
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable, match="renderer_crashed"):
                await pool.render("note", 1, "en", Note())
            with pytest.raises(Unavailable, match="renderer_unavailable"):
                await pool.render("note", 1, "en", Note())
            hidden.rename(moving)
            assert await pool.render("note", 1, "en", Note())


class TestClose:
    async def test_paper_in_work_and_papers_waiting_are_refused(self, templates: Path) -> None:
        async with running(templates) as pool:
            (pid,) = pool.pids
            printing = [asyncio.create_task(pool.render("slow", 1, "en", Note())) for _ in range(3)]
            await until(busy(pid))
            await pool.close()
            refusals = await asyncio.gather(*printing, return_exceptions=True)
        codes = [getattr(refusal, "code", refusal) for refusal in refusals]
        assert codes == ["document.renderer_closed"] * 3

    async def test_closed_pool_prints_no_more(self, templates: Path) -> None:
        async with running(templates) as pool:
            pass
        with pytest.raises(Unavailable, match="renderer_closed"):
            await pool.render("note", 1, "en", Note())

    async def test_close_during_a_replacement_leaves_no_process(self, templates: Path) -> None:
        async with running(templates, papers_max=1) as pool:
            await pool.render("note", 1, "en", Note())
        assert pool.pids == ()


PARENT: Final = """
import asyncio, sys
from pathlib import Path
import msgspec
from marketplace.infra.render.pool import RenderPool

class Note(msgspec.Struct):
    text: str = "x"

async def main():
    pool = RenderPool(Path(sys.argv[1]), processes=2, templates=Path(sys.argv[2]))
    await pool.start()
    print(*pool.pids, flush=True)
    await pool.render("slow", 1, "en", Note())

asyncio.run(main())
"""


class TestParentDeath:
    @pytest.fixture
    def child_pids(self) -> Iterator[list[int]]:
        pids: list[int] = []
        yield pids
        for pid in pids:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)

    async def test_killed_parent_takes_idle_and_printing_children_along(
        self, templates: Path, child_pids: list[int]
    ) -> None:
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PARENT, str(FONTS_CACHE), str(templates)),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert parent.stdout is not None
        child_pids.extend(int(pid) for pid in (await parent.stdout.readline()).split())
        assert len(child_pids) == 2
        time.sleep(0.3)  # noqa: ASYNC251  # the parent needs a moment to hand out the endless paper
        parent.kill()
        await parent.wait()
        await until(lambda: not any(psutil.pid_exists(pid) for pid in child_pids), seconds=10)
