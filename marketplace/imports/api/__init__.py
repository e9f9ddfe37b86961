"""Routes of imports."""

from typing import Final

from marketplace.imports.api.imports import ImportController

CONTROLLERS: Final = (ImportController,)
