"""`make demo` as a newcomer sees it: the whole trade told, papers on the disk, a second run in a row."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import reachable_folder
from tests.support.source import CHECKOUT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give the folder the demo runs in; both runs share it."""
    with reachable_folder() as made:
        yield made


def play(folder: Path) -> str:
    """Run the demo and give what it told."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CESSION_")}
    done = subprocess.run(
        [sys.executable, "-m", "marketplace", "demo"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=ours | {"CESSION_DATA_DIR": str(folder / "var"), "PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def said(story: str, label: str) -> str:
    """Give what stands behind a label at the end of the story."""
    found = re.search(rf"^{label} +(\S+)$", story, re.MULTILINE)
    assert found is not None, story
    return found.group(1)


class TestDemo:
    def test_two_runs_in_a_row_each_end_with_a_certificate(self, folder: Path) -> None:
        stories = [play(folder), play(folder)]
        numbers = {said(story, "Number") for story in stories}
        assert len(numbers) == 2
        for story in stories:
            paper = folder / said(story, "Certificate")
            assert paper.read_bytes().startswith(b"%PDF-")
            assert said(story, "Number") in paper.name
            assert "every unit has exactly one holder: True" in story
            assert "This cell holds a formula." in story
            least = re.search(r"says (\d+) at least; the answer costs (\d+)$", story, re.MULTILINE)
            assert least is not None
            assert least[1] == least[2]
            assert "Ask for a quote" in story
            assert re.search(r"150 . Windows Server 2016 User CALs?.*: draft$", story, re.MULTILINE)
            assert '"level"' not in story, "the log has no place in the story"
        # What was asked for is what the register says moved.
        assert "units    0 to 119  Alpenblick Klinikum GmbH" in stories[0]
        assert not (folder / "var" / "run.json").exists()

    def test_refusal_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        with reachable_folder() as made:
            settings = {
                "CESSION_DATA_DIR": str(made / "var"),
                "CESSION_CURRENCY": "USD",
                "PYTHONPATH": str(CHECKOUT),
            }
            done = subprocess.run(
                [sys.executable, "-m", "marketplace", "demo"],
                check=False,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                cwd=tmp_path,
                env={**os.environ, **settings},
            )
        assert done.returncode == 2
        assert "the demo stopped" in done.stderr
        assert "Listings are in USD here" in done.stderr
