"""How a page is made: a template in the reader's language, escaped, with headers that allow nothing from elsewhere."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from markupsafe import Markup, escape

from marketplace.infra.render.texts import Texts, read_catalogue
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


_environment.filters["with_code"] = with_code


def language_of(request: Request[Any, Any, Any]) -> str:
    """Choose the page language from what the browser asks for."""
    return preferred(request.headers.get("accept-language", ""), TEXTS.keys())


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
