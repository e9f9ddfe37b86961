"""Files through routes: what their names may be, how the API document describes them, how a stranger's file leaves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)
from litestar.params import Parameter

from marketplace.kernel.text import END

FileName = Annotated[
    str,
    Parameter(
        description="Name of the file, with its ending",
        min_length=1,
        max_length=150,
        pattern=rf"^[^\x00-\x1f\x7f/\\]+{END}",
    ),
]
_BYTES: Final = OpenAPIMediaType(
    schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
)


def takes_file(media_types: Iterable[str], size: str) -> type[Operation]:
    """Describe a route whose body is a file of one of these types, up to `size` in words."""
    content = dict.fromkeys(media_types, _BYTES)

    @dataclass
    class TakesFile(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(
                content=content, required=True, description=f"Up to {size}"
            )

    return TakesFile


def gives_file(media_types: Iterable[str]) -> type[Operation]:
    """Describe a route whose answer is a file of one of these types."""
    content = dict.fromkeys(media_types, _BYTES)

    @dataclass
    class GivesFile(Operation):
        def __post_init__(self) -> None:
            self.responses = {"200": OpenAPIResponse(description="The file", content=content)}

    return GivesFile


def as_attachment(file_name: str) -> Mapping[str, str]:
    """Give the headers of a file made by strangers: never shown inside our pages, never taken for another type."""
    return {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file_name)}",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
    }
