"""Size limits of design.md rule 10: what does not fit in a head does not fit in a file."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.source import CHECKOUT, name_of, python_files

FUNCTION_LINES_MAX: Final = 70
MODULE_LINES_MAX: Final = 400
TEST_MODULE_LINES_MAX: Final = 600
PARAMETERS_MAX: Final = 6
BANNED_NAMES: Final = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
ROUTES: Final = {"get", "post", "put", "patch", "delete"}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[FunctionNode]:
    """Give every function and method, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            yield node


def is_test(path: Path) -> bool:
    """Tell whether a file belongs to the tests."""
    return path.is_relative_to(CHECKOUT / "tests")


def parameters(function: FunctionNode) -> int:
    """Count what a caller has to pass; self and cls come by themselves."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in given if argument.arg not in {"self", "cls"}])


def is_route(function: FunctionNode) -> bool:
    """Tell whether the web framework calls a function: its parameters are the interface's own."""
    calls = [line.func for line in function.decorator_list if isinstance(line, ast.Call)]
    return any(isinstance(call, ast.Name) and call.id in ROUTES for call in calls)


def length(function: FunctionNode) -> int:
    """Count the lines from the first decorator to the end."""
    first = min([function.lineno, *(line.lineno for line in function.decorator_list)])
    return (function.end_lineno or first) - first + 1


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Give every file with its syntax tree."""
    for path in python_files():
        yield path, ast.parse(path.read_text(encoding="utf-8"))


class TestKeepSizes:
    def test_modules_fit(self) -> None:
        lines = {
            path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()
        }
        too_long = {
            name_of(path): count
            for path, count in lines.items()
            if count > (TEST_MODULE_LINES_MAX if is_test(path) else MODULE_LINES_MAX)
        }
        assert too_long == {}

    def test_functions_fit(self) -> None:
        too_long = {
            f"{name_of(path)}:{found.lineno} {found.name}": length(found)
            for path, tree in trees()
            for found in functions(tree)
            if length(found) > FUNCTION_LINES_MAX
        }
        assert too_long == {}

    def test_functions_take_few_parameters(self) -> None:
        # Tests, fixtures and routes are the exception: a framework calls them, by name.
        too_many = {
            f"{name_of(path)}:{found.lineno} {found.name}": parameters(found)
            for path, tree in trees()
            if not is_test(path)
            for found in functions(tree)
            if parameters(found) > PARAMETERS_MAX and not is_route(found)
        }
        assert too_many == {}

    def test_names_say_something(self) -> None:
        empty = [
            name_of(path)
            for path in python_files()
            if BANNED_NAMES & {path.stem, *path.relative_to(CHECKOUT).parts[:-1]}
        ]
        assert empty == []
