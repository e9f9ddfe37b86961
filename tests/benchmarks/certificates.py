"""Certificates per CPU second: our printing against the plain way of using the same library.

Three ways print the same certificate with the same look, in turns, so that other work on the machine
meets all of them alike: through the pool (child and parent counted), the engine alone, and naive:
HTML with `<style>`, `@font-face` on the fonts as their packages ship them, the ornament as SVG
background, automatic table layout, nothing kept between papers. CPU is user and system time of the
processes. Run it with `python -m tests.benchmarks.certificates`.
"""

import asyncio
import base64
import os
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import psutil

from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.render.fonts import FONTCONFIG, prepare_fonts
from marketplace.infra.render.ornament import guilloche
from marketplace.infra.render.pool import RenderPool
from marketplace.infra.render.wire import Order
from tests.support.certificates import SAMPLE, TEMPLATES
from tests.support.source import CHECKOUT

if TYPE_CHECKING:
    from marketplace.infra.render.engine import Engine

ROUNDS: Final = 20
PER_SECOND_MIN: Final = 7.0
RATIO_MIN: Final = 3.0
FONTS_CACHE: Final = CHECKOUT / "var" / "fonts"
POOL: Final = "pool of processes"
ENGINE: Final = "engine alone"
NAIVE: Final = "naive"

Way = Callable[[str], float]
"""Prints one certificate in a language; gives the CPU seconds it took."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One way of printing, CPU in milliseconds per certificate."""

    way: str
    papers: int
    mean: float
    median: float

    @property
    def per_second(self) -> float:
        """Certificates per second of CPU."""
        return 1000 / self.mean


def run() -> list[Result]:
    """Measure the three ways in turns; give the results, the naive one last."""
    fonts = prepare_fonts(FONTS_CACHE)
    os.environ["FONTCONFIG_FILE"] = str(fonts / FONTCONFIG)
    from marketplace.infra.render.engine import Engine  # noqa: PLC0415  # reads FONTCONFIG_FILE

    engine = Engine(TEMPLATES, fonts)
    with asyncio.Runner() as runner:
        pool = RenderPool(FONTS_CACHE)
        runner.run(pool.start())
        try:
            ways: dict[str, Way] = {
                POOL: lambda language: through_pool(runner, pool, language),
                ENGINE: lambda language: with_engine(engine, language),
                NAIVE: lambda language: naively(engine, language),
            }
            return measure(ways)
        finally:
            runner.run(pool.close())


def measure(ways: dict[str, Way]) -> list[Result]:
    """Print in every language and way once unmeasured, then `ROUNDS` times measured."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for language in CERTIFICATE.languages:
            for name, way in ways.items():
                spent = way(language)
                if turn:
                    seconds[name].append(spent)
    return [
        Result(
            way=name,
            papers=len(spent),
            mean=statistics.mean(spent) * 1000,
            median=statistics.median(spent) * 1000,
        )
        for name, spent in seconds.items()
    ]


def through_pool(runner: asyncio.Runner, pool: RenderPool, language: str) -> float:
    """Print as a worker does; count this process and the child."""
    view = CERTIFICATE.read(SAMPLE.read_bytes())
    before = time.process_time() + cpu_of(pool.pids[0])
    runner.run(pool.render(CERTIFICATE.name, CERTIFICATE.version, language, view))
    return time.process_time() + cpu_of(pool.pids[0]) - before


def cpu_of(pid: int) -> float:
    """Give the CPU seconds of a process; the kernel counts them in steps of 10 ms."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def with_engine(engine: "Engine", language: str) -> float:
    """Print in this process, everything kept warm."""
    view = CERTIFICATE.read(SAMPLE.read_bytes())
    begun = time.process_time()
    order = Order(
        kind=CERTIFICATE.name,
        version=CERTIFICATE.version,
        language=language,
        view=msgspec.Raw(CERTIFICATE.write(view)),
    )
    engine.render(order)
    return time.process_time() - begun


def naively(engine: "Engine", language: str) -> float:
    """Print the same page the way the library's first example does."""
    from weasyprint import HTML  # noqa: PLC0415  # see run()

    page = engine.page(
        Order(
            kind=CERTIFICATE.name,
            version=CERTIFICATE.version,
            language=language,
            view=msgspec.Raw(SAMPLE.read_bytes()),
        )
    )
    begun = time.process_time()
    HTML(string=page.replace("</head>", f"<style>{naive_style()}</style></head>", 1)).write_pdf(
        pdf_variant="pdf/a-3a"
    )
    return time.process_time() - begun


def naive_style() -> str:
    """Give the style sheet with its fonts and its background in it."""
    css = (TEMPLATES / "documents/certificate/v1/page.css").read_text(encoding="utf-8")
    faces = "".join(
        f'@font-face {{ font-family: "IBM Plex {family}"; font-weight: {weight};'
        f' src: url("{font_file(package, name)}") }}\n'
        for family, weight, package, name in (
            ("Sans", 400, "fontpkg_ibm_plex_sans", "IBMPlexSans[wdth,wght].ttf"),
            ("Sans", 600, "fontpkg_ibm_plex_sans", "IBMPlexSans[wdth,wght].ttf"),
            ("Mono", 400, "fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
            ("Serif", 600, "fontpkg_ibm_plex_serif", "IBMPlexSerif-SemiBold.ttf"),
        )
    )
    picture = base64.b64encode(ornament_as_svg().encode()).decode()
    background = (
        f'@page {{ background: url("data:image/svg+xml;base64,{picture}") no-repeat -18mm -18mm;'
        " background-size: 210mm 297mm }\n"
    )
    return faces + background + css.replace("table-layout: fixed;", "")


def font_file(package: str, name: str) -> str:
    """Give the address of a font as its package ships it."""
    return Path(str(resources.files(package) / "files" / name)).as_uri()


def ornament_as_svg() -> str:
    """Write the same lines as an SVG picture, one path per stroke, y turned over."""
    paths: list[str] = []
    colour, width, path = "", "", ""
    for line in guilloche().decode().splitlines()[1:]:
        *numbers, operator = line.split()
        match operator:
            case "w":
                colour = "rgb({})".format(",".join(f"{float(n) * 100}%" for n in numbers[:3]))
                width = numbers[4]
            case "m" | "c":
                path += operator.upper() + " ".join(numbers)
            case "S" if len(numbers) > 1:
                x, y, across, up = numbers[:4]
                path = f"M{x} {y}h{across}v{up}h-{across}z"
        if operator == "S":
            paths.append(f'<path d="{path}" stroke="{colour}" stroke-width="{width}"/>')
            path = ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 297" fill="none">'
        f'<g transform="matrix(1 0 0 -1 0 297)">{"".join(paths)}</g></svg>'
    )


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table, with the ratio to the naive way."""
    naive = next(row for row in results if row.way == NAIVE)
    lines = [
        "| way | certificates | CPU ms mean | CPU ms median | per CPU second | times naive |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.way} | {row.papers} | {row.mean:.0f} | {row.median:.0f} | {row.per_second:.1f} "
        f"| {row.per_second / naive.per_second:.1f} |"
        for row in results
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    print(table(run()))


if __name__ == "__main__":
    main()
