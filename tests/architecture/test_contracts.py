"""The import contracts of design.md section 3, and what they cannot express."""

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.source import CHECKOUT, name_of, python_files, run

STAGES: Final = (
    "certificates", "transfers", "settlements", "orders", "quotes", "reviews", "listings",
    "valuations", "parties", "register",
)  # fmt: skip
PURE: Final = re.compile(
    r"marketplace/(kernel|licensing|documents)/|marketplace/\w+/(domain|events)\b"
)
HIDDEN_INPUTS: Final = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("uuid", "uuid1"), ("uuid", "uuid4"), ("uuid", "getnode"),
}  # fmt: skip

SUPPRESSION: Final = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover)\b")
REASONED: Final = re.compile(
    r"#\s*(noqa:\s*[A-Z0-9, ]+|type:\s*ignore\[[\w, -]+\]|pragma: no cover)\s*(\(|-+ |# )\s*\w+"
)


def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def pure_files() -> tuple[Path, ...]:
    """Give the files of pure rooms."""
    return tuple(path for path in python_files("marketplace") if PURE.match(name_of(path)))


class TestImports:
    def test_contracts_are_kept(self) -> None:
        done = run(str(Path(sys.executable).parent / "lint-imports"), "--no-cache")
        assert done.returncode == 0, done.stdout

    def test_every_room_has_its_place_in_the_pipeline(self) -> None:
        contracts = project()["tool"]["importlinter"]["contracts"]
        pipeline = next(found for found in contracts if found["id"] == "pipeline")
        placed = {layer.strip("()") for layer in pipeline["layers"]}
        here = {
            f"marketplace.{path.stem}"
            for path in (CHECKOUT / "marketplace").iterdir()
            if (path.is_dir() and (path / "__init__.py").exists())
            or (path.suffix == ".py" and path.stem != "__init__")
        }
        assert here <= placed

    @pytest.mark.parametrize("stage", STAGES)
    def test_stage_speaks_to_the_services_of_others(self, stage: str) -> None:
        """Rows and routes stay at home; what a request looks like may be reused by later requests."""
        others = "|".join(name for name in STAGES if name != stage)
        foreign = re.compile(rf"marketplace\.({others})(?:\.| import )(store|tables|schemas|api)\b")
        offenders = [
            f"{name_of(path)} -> {room}.{file}"
            for path in (CHECKOUT / "marketplace" / stage).rglob("*.py")
            for room, file in foreign.findall(path.read_text(encoding="utf-8"))
            if not (file == "schemas" and _is_edge(path))
        ]
        assert offenders == []

    def test_marketplace_starts_workers_by_command_line_only(self) -> None:
        offenders = [
            name_of(path)
            for path in python_files("marketplace")
            if re.search(r"^\s*(from|import) workers\b", path.read_text("utf-8"), re.MULTILINE)
        ]
        assert offenders == []


class TestPureRooms:
    def test_time_and_chance_are_arguments(self) -> None:
        hidden = [
            f"{name_of(path)}:{node.lineno} {node.value.id}.{node.attr}"
            for path in pure_files()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in HIDDEN_INPUTS
        ]
        assert hidden == []


class TestRuntimeAnnotations:
    def test_web_framework_can_read_the_types(self) -> None:
        hidden = [
            name_of(path)
            for path in python_files("marketplace")
            if _is_edge(path)
            and re.search(
                r"from __future__ import annotations|TYPE_CHECKING", path.read_text("utf-8")
            )
        ]
        assert hidden == []


class TestSuppressions:
    def test_every_ignored_rule_has_its_reason(self) -> None:
        text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
        lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
        rules = re.findall(r'^    ("[A-Z]+\d*",.*)$', lint, re.MULTILINE)
        assert len(rules) > 10
        assert [rule for rule in rules if not re.search(r"#\s+\S+ \S+", rule)] == []

    def test_every_warning_let_through_has_its_reason(self) -> None:
        text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
        start = text.index("filterwarnings = [")
        lines = text[start : text.index("]\n", start)].splitlines()[1:]
        bare = [
            line
            for before, line in zip(["", *lines], lines, strict=False)
            if '"ignore' in line and "#" not in line and "#" not in before
        ]
        assert bare == []

    def test_every_suppression_has_its_reason(self) -> None:
        bare = [
            f"{name_of(path)}:{number}: {line.strip()}"
            for path in python_files()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if SUPPRESSION.search(line) and not REASONED.search(line)
        ]
        assert bare == []


def _is_edge(path: Path) -> bool:
    """Tell whether a file belongs to `schemas` or `api`, alone or as part of a folder."""
    return not {"schemas", "api"}.isdisjoint({path.stem, *path.parts})
