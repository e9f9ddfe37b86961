"""The README's tour works when it is pasted: its blocks run in a real shell against a real installation."""

import os
import re
import subprocess
from typing import Final

import pytest

from tests.support import installation
from tests.support.source import CHECKOUT

BLOCK: Final = re.compile(r"^```bash tour\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class TestTour:
    @pytest.mark.slow
    @pytest.mark.timeout(240)
    def test_every_block_runs_and_gives_the_certificate_and_the_answers(self) -> None:
        blocks = BLOCK.findall((CHECKOUT / "README.md").read_text("utf-8"))
        with installation.reachable_folder() as folder:
            running = installation.start(folder)
            try:
                running.wait_until_ready()
                done = _paste("\n".join(blocks), running)
            finally:
                running.stop()
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        said = done.stdout.strip().splitlines()
        assert any("/verify/" in line for line in said)
        assert said[-3:] == [
            (
                "Ein Lizenzserver unter Windows Server 2019 kann RDS 2022 User CAL nicht verwalten; "
                "er muss die Version der CAL oder eine neuere haben."
            ),
            "This may be 2 products. Say family, version, and user or device.",
            "all_device",
        ]
        paper = CHECKOUT / "certificate.pdf"
        assert paper.read_bytes().startswith(b"%PDF-")
        paper.unlink()


def _paste(script: str, running: installation.Installation) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "API": running.address,
        "CESSION_DATA_DIR": str(running.folder),
    }
    return subprocess.run(
        ["/bin/bash", "-e", "-o", "pipefail", "-c", script],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        stdin=subprocess.DEVNULL,
    )
