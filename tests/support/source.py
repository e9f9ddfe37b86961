"""The project's own source files, for tests that read code."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
ROOMS: Final = ("marketplace", "workers", "migrations", "tests", ".ci")


@cache
def python_files(*rooms: str) -> tuple[Path, ...]:
    """Give the Python files of some top folders (all by default), in order."""
    return tuple(
        sorted(
            path
            for room in rooms or ROOMS
            for path in (CHECKOUT / room).rglob("*.py")
            if "__pycache__" not in path.parts
        )
    )


def name_of(path: Path) -> str:
    """Give the path as a person names it."""
    return str(path.relative_to(CHECKOUT))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the virtual environment in the checkout."""
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)
