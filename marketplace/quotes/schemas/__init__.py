"""What the API takes and gives about quotes; later stages reuse these for what they hand on."""

from marketplace.quotes.schemas.answers import LineOut, PriceOut, QuoteOut, QuotePage
from marketplace.quotes.schemas.requests import QuoteRequest, QuoteRequestLine

__all__ = ["LineOut", "PriceOut", "QuoteOut", "QuotePage", "QuoteRequest", "QuoteRequestLine"]
