"""Parameters that many routes share."""

from typing import Annotated
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import HeaderParameter, Parameter

from marketplace.infra.settings import Settings
from marketplace.infra.storage import Storage
from marketplace.infra.work import View, Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import InvalidId, parse_id
from marketplace.kernel.paging import LIMIT_MAX

# What a handler is given, as the framework wants it marked; a bare `work: Work` is deprecated there. A handler takes a
# work or a view, never both: started together, the framework would leak the one when the other is refused.
GivenWork = NamedDependency[Work]
GivenView = NamedDependency[View]
GivenSettings = NamedDependency[Settings]
GivenStorage = NamedDependency[Storage]

Cursor = Annotated[
    str | None,
    Parameter(
        description="`next_cursor` of the page before; leave out for the first page",
        max_length=500,
        min_length=1,
    ),
]
Limit = Annotated[int, Parameter(description="How many rows at most", ge=1, le=LIMIT_MAX)]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The ETag you read; required", max_length=100),
]
AcceptLanguage = Annotated[
    str | None,
    HeaderParameter(
        name="Accept-Language",
        description="Languages for the sentences, best first; English when none of them is spoken here",
        max_length=500,
    ),
]
Language = Annotated[
    str | None,
    Parameter(
        description="Language for the sentences, before `Accept-Language`: `en` or `de`",
        max_length=35,
    ),
]


def wished_languages(language: str | None, accept_language: str | None) -> str:
    """Join what was asked for, the parameter before the header, for `kernel.language.preferred`."""
    return ",".join(wish for wish in (language, accept_language) if wish)


def path_id(prefix: str, text: str) -> UUID:
    """Read an id out of the path; a text that is none names nothing, so it is not found."""
    try:
        return parse_id(prefix, text)
    except InvalidId as problem:
        raise NotFound(
            "resource.unknown", "There is nothing with this id that you may see."
        ) from problem
