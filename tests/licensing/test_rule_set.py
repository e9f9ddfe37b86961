"""A verdict is reproducible: whoever changes what decides it gives the rule set a new version.

`rule_set_digest.toml` records one digest per version. It covers what the data files say and the code of the deciding
modules, without comments, docstrings and layout, which decide nothing.
"""

import hashlib
import io
import json
import tokenize
import tomllib
from importlib import resources
from pathlib import Path
from typing import Final

import pytest

from marketplace.licensing.rules import load_rule_set

ROOM: Final = Path(str(resources.files("marketplace.licensing")))
RECORD: Final = Path(__file__).with_name("rule_set_digest.toml")

# They read, show or hold the rules; none of them decides. Advice about quantities (`need`) follows prices, and the
# cases only watch.
DECIDES_NOTHING: Final = {"__init__", "reading", "sku_text", "statements", "texts"}
FOLDERS_THAT_DECIDE: Final = ("", "eligibility", "environments")
LAYOUT: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
BEGINS_A_STATEMENT: Final = {
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.COMMENT,
}
HOW_TO: Final = (
    "What decides a verdict has changed, but the rule-set version {version} is recorded already.\n"
    "Findings carry that version, so give the rule set a new one in marketplace/licensing/data/rules.toml\n"
    "and add this line to tests/licensing/rule_set_digest.toml:\n\n{line}\n\n"
    "(Only while this version has never been released may its line be replaced instead.)"
)


def code_of(source: str) -> str:
    """Return a module without comments, docstrings and layout."""
    kept, last = [], tokenize.ENCODING
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_text = token.type == tokenize.STRING and last in BEGINS_A_STATEMENT and depth == 0
        if token.type not in LAYOUT and not is_text:
            kept.append(token.string)
            depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
        last = token.type
    return "".join("".join(kept).split())


def digest_of(room: Path) -> str:
    """Return the digest of everything in the room that decides a verdict."""
    data = {
        path.name: tomllib.loads(path.read_text("utf-8"))
        for path in sorted((room / "data").glob("*.toml"))
    }
    code = {
        f"{folder}/{path.name}": code_of(path.read_text("utf-8"))
        for folder in FOLDERS_THAT_DECIDE
        for path in sorted((room / folder).glob("*.py"))
        if path.stem not in DECIDES_NOTHING
    }
    whole = json.dumps([data, code], default=str, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def line_for(version: str, digest: str) -> str:
    return f'"{version}" = "{digest}"'


class TestVersion:
    def test_changes_with_everything_that_decides(self) -> None:
        version, digest = load_rule_set().version, digest_of(ROOM)
        recorded = tomllib.loads(RECORD.read_text("utf-8"))
        if recorded.get(version) != digest:
            pytest.fail(HOW_TO.format(version=version, line=line_for(version, digest)))

    def test_is_the_last_one_recorded(self) -> None:
        assert [*tomllib.loads(RECORD.read_text("utf-8"))][-1] == load_rule_set().version


class TestDigest:
    def test_does_not_see_comments_docstrings_or_layout(self) -> None:
        plain = 'def f(x):\n    return g(x, "a")\n'
        told = '"""About."""\n\n\ndef f(x):  # why\n    """Say."""\n    return g(\n        x, "a"\n    )\n'
        assert code_of(plain) == code_of(told)

    @pytest.mark.parametrize(
        "changed", ['def f(x):\n    return g(x, "b")\n', "def f(x):\n    return not g(x)\n"]
    )
    def test_sees_what_the_code_does(self, changed: str) -> None:
        assert code_of(changed) != code_of('def f(x):\n    return g(x, "a")\n')

    def test_sees_a_changed_row_and_no_changed_case(self, tmp_path: Path) -> None:
        (tmp_path / "data" / "cases").mkdir(parents=True)
        rows, case = tmp_path / "data" / "rows.toml", tmp_path / "data" / "cases" / "case.toml"
        rows.write_text("confirmed = true\n")
        case.write_text("x = 1\n")
        before = digest_of(tmp_path)
        rows.write_text("# a comment\nconfirmed = true\n")
        case.write_text("x = 2\n")
        assert digest_of(tmp_path) == before
        rows.write_text("confirmed = false\n")
        assert digest_of(tmp_path) != before
