"""Every refusal the code can give, read from the code itself, so that the page can never be out of date."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from marketplace.infra.http.problems import STATUS_OF, TITLES
from marketplace.kernel import errors

_PACKAGE: Final = Path(__file__).parents[1]
_KIND_OF: Final = {
    name: value.kind
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.DomainError)
}


class ProblemEntry(msgspec.Struct, frozen=True, order=True):
    """A stable code, its HTTP status and title, and the advice it comes with (`...` where values stand)."""

    code: str
    status: int
    title: str
    advice: str


@cache
def problem_index() -> dict[str, ProblemEntry]:
    """Give all refusals by code."""
    found: dict[str, ProblemEntry] = {}
    for file in sorted(_PACKAGE.rglob("*.py")):
        for entry in _entries(ast.parse(file.read_text("utf-8"))):
            found.setdefault(entry.code, entry)
    return dict(sorted(found.items()))


def _entries(tree: ast.Module) -> Iterator[ProblemEntry]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and len(node.args) > 1):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        code = node.args[0]
        if name in _KIND_OF and isinstance(code, ast.Constant) and isinstance(code.value, str):
            status = STATUS_OF[_KIND_OF[name]]
            yield ProblemEntry(code.value, status, TITLES[status], _text(node.args[1]))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "..." for part in node.values
        )
    return "..."
