"""Text fields as schemas use them: bounded, and free of characters that a database or a document cannot hold."""

from typing import Annotated, Final

from msgspec import Meta

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$"
_PRINTABLE_LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]*$"

ShortText = Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)]
"""One line, 1 to 200 characters, no control characters."""
OptionalShortText = Annotated[str, Meta(max_length=200, pattern=_PRINTABLE)]
"""One line, up to 200 characters, may be empty."""
LongText = Annotated[str, Meta(min_length=1, max_length=4000, pattern=_PRINTABLE_LINES)]
"""Several lines, 1 to 4,000 characters."""
CountryCode = Annotated[
    str, Meta(pattern="^[A-Z]{2}$", examples=["DE"], description="ISO 3166-1 alpha-2")
]
CurrencyCode = Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"], description="ISO 4217")]
EmailText = Annotated[
    str,
    Meta(
        pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,180}$", examples=["it@nordlicht.example"]
    ),
]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000, description="Number of licences")]
AmountMinor = Annotated[
    int, Meta(ge=0, le=10_000_000_000, description="Amount in minor units (cents)", examples=[2590])
]
