"""The README tells the truth about settings and commands."""

import re
from typing import Final

from marketplace.infra.settings import PREFIX, Settings
from tests.support.source import CHECKOUT

README: Final = CHECKOUT / "README.md"


class TestSettingsTable:
    def test_every_setting_is_there_with_its_default(self) -> None:
        rows = dict(
            re.findall(
                rf"^\| `({PREFIX}\w+)` \| ([^|]*?) \|", README.read_text("utf-8"), re.MULTILINE
            )
        )
        expected = {
            PREFIX + name.upper(): f"`{default}`" if default != "" else "(empty)"
            for name, default in zip(
                Settings.__struct_fields__, Settings.__struct_defaults__, strict=True
            )
        }
        assert rows == expected


class TestCommands:
    def test_every_make_target_named_exists(self) -> None:
        named = set(re.findall(r"`make (\w+)", README.read_text("utf-8")))
        targets = set(
            re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE)
        )
        assert {"demo", "test"} <= named
        assert named <= targets
