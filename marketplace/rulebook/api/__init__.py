"""Routes of the rule book."""

from typing import Any, Final

from marketplace.rulebook.api.rules import RuleController

CONTROLLERS: Final[tuple[Any, ...]] = (RuleController,)
