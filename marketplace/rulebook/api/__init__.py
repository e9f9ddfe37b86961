"""Routes of the rule book: what an environment needs, what the conditions find, and the rules themselves."""

from typing import Any, Final

from marketplace.rulebook.api.coverage import CoverageController
from marketplace.rulebook.api.rules import RuleController

CONTROLLERS: Final[tuple[Any, ...]] = (CoverageController, RuleController)
