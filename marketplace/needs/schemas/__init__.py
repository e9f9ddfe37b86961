"""What the routes of needs take and give, one module per direction."""

from marketplace.needs.schemas.answers import NeedOut, NeedPage, NeedSummary
from marketplace.needs.schemas.requests import NeedRequest

__all__ = ["NeedOut", "NeedPage", "NeedRequest", "NeedSummary"]
