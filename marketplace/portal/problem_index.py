"""Every refusal the code can give, read from the code itself, so that the page can never be out of date."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from marketplace.infra.http.problems import EDGE_PROBLEMS, STATUS_OF, TITLES
from marketplace.kernel import errors

_PACKAGE: Final = Path(__file__).parents[1]
_KIND_OF: Final = {
    name: value.kind
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.DomainError)
}
GAP: Final = "…"
"""Stands in a text where the refusal names a value."""
_CODE: Final = re.compile(rf"[a-z_]+\.([a-z_]+|{GAP})")


class ProblemEntry(msgspec.Struct, frozen=True, order=True):
    """A stable code, its HTTP status and title, and the advice it comes with (empty: only the answer has it)."""

    code: str
    status: int
    title: str
    advice: str


@cache
def problem_index() -> dict[str, ProblemEntry]:
    """Give all refusals by code, in order; a code that ends with a state (`order.…`) is one entry."""
    found = {
        code: ProblemEntry(code, status, TITLES[status], advice)
        for code, (status, advice) in EDGE_PROBLEMS.items()
    }
    for file in sorted(_PACKAGE.rglob("*.py")):
        for entry in _entries(ast.parse(file.read_text("utf-8"))):
            if entry.code not in found or not found[entry.code].advice:
                found[entry.code] = entry
    return dict(sorted(found.items()))


def find_problem(code: str) -> ProblemEntry | None:
    """Give the entry of a code, also of one that ends with a state; None when no refusal has it."""
    index = problem_index()
    return index.get(code) or index.get(f"{code.partition('.')[0]}.{GAP}")


def _entries(tree: ast.Module) -> Iterator[ProblemEntry]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and len(node.args) > 1):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        code = _text(node.args[0])
        if name in _KIND_OF and _CODE.fullmatch(code):
            status = STATUS_OF[_KIND_OF[name]]
            advice = _text(node.args[1])
            yield ProblemEntry(code, status, TITLES[status], advice if advice != GAP else "")


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else GAP for part in node.values
        )
    return GAP
