"""How a page is made: a template in the reader's language, escaped, with headers that allow nothing from elsewhere."""

import re
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from markupsafe import Markup, escape

from marketplace.infra.http.parameters import wished_languages
from marketplace.infra.render.texts import MissingText, Texts, read_catalogue
from marketplace.kernel.language import DEFAULT, preferred

TEMPLATES: Final = Path(__file__).parents[2] / "templates"
STATIC: Final = TEMPLATES / "portal" / "static"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
KEPT_FOR_MINUTES: Final = "public, max-age=300"
"""For pages that change with a release only."""
NEVER_KEPT: Final = "no-store"
"""For pages that tell the state of this moment."""

TEXTS: Final = {
    file.parent.parent.name: Texts(read_catalogue(file))
    for file in sorted((TEMPLATES / "locales").glob("*/LC_MESSAGES/portal.po"))
}
"""The languages of the pages: each one that has a catalogue."""
_FIELD: Final = re.compile(r"\{(\w+)\}")
"""A field of a rule's sentence, by name."""

_environment: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def with_code(text: str) -> Markup:
    """Escape a text for a page; what stands between backticks becomes code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def with_fields(text: str, words: Texts) -> Markup:
    """Escape a sentence of a rule for a page; a field in braces becomes the word for what stands there."""
    parts = _FIELD.split(escape(text))
    return Markup("").join(
        Markup('<span class="field">{}</span>').format(_field_word(part, words))
        if place % 2
        else Markup(part)  # noqa: S704 - split from what was escaped above
        for place, part in enumerate(parts)
    )


def _field_word(name: str, words: Texts) -> str:
    try:
        return words.gettext(f"rules.field_{name}")
    except MissingText:
        # A new field must not stop the whole rule book; a test names the word that is missing.
        return "…"


_environment.filters["with_code"] = with_code
_environment.filters["with_fields"] = with_fields


def language_of(request: Request[Any, Any, Any]) -> str:
    """Choose the page language from what the reader chose (`?language=`) or else from what the browser asks for."""
    wishes = wished_languages(
        request.query_params.get("language"), request.headers.get("accept-language")
    )
    return preferred(wishes, TEXTS.keys())


def page(
    template: str,
    *,
    status: int = 200,
    language: str = DEFAULT,
    cache: str = KEPT_FOR_MINUTES,
    **values: Any,
) -> Response[str]:
    """Render `templates/portal/<template>` as an HTML answer; the template writes texts as `{{ t.gettext("id") }}`."""
    text = _environment.get_template(f"portal/{template}").render(
        language=language, t=TEXTS[language], **values
    )
    headers = {**SECURITY_HEADERS, "Cache-Control": cache, "Vary": "Accept-Language"}
    return Response(content=text, media_type="text/html", status_code=status, headers=headers)
