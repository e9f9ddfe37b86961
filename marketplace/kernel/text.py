r"""Text fields as schemas use them: bounded, and free of characters that a database or a document cannot hold.

Patterns are read by Python here and by other dialects in the clients of the OpenAPI document. `(?!\n)` after `$`
says the same in all of them; Python's bare `$` would also let a trailing line feed through. Lone surrogates need no
pattern: the JSON decoder refuses them.
"""

from typing import Annotated, Final

from msgspec import Meta

END: Final = r"$(?!\n)"
"""The end of a pattern, in every dialect."""
PRINTABLE: Final = rf"^[^\x00-\x1f\x7f]*{END}"
"""One line without control characters."""
PRINTABLE_LINES: Final = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*{END}"
"""Several lines without other control characters."""

ShortText = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
"""One line, 1 to 200 characters, no control characters."""
OptionalShortText = Annotated[str, Meta(max_length=200, pattern=PRINTABLE)]
"""One line, up to 200 characters, may be empty."""
LongText = Annotated[str, Meta(min_length=1, max_length=4000, pattern=PRINTABLE_LINES)]
"""Several lines, 1 to 4,000 characters."""
CountryCode = Annotated[
    str, Meta(pattern=f"^[A-Z]{{2}}{END}", examples=["DE"], description="ISO 3166-1 alpha-2")
]
CurrencyCode = Annotated[
    str, Meta(pattern=f"^[A-Z]{{3}}{END}", examples=["EUR"], description="ISO 4217")
]
EmailText = Annotated[
    str,
    Meta(
        pattern=rf"^[^@\s\x00-\x1f\x7f]{{1,64}}@[^@\s\x00-\x1f\x7f]{{1,180}}{END}",
        examples=["it@nordlicht.example"],
    ),
]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000, description="Number of licences")]
AmountMinor = Annotated[
    int, Meta(ge=0, le=10_000_000_000, description="Amount in minor units (cents)", examples=[2590])
]
