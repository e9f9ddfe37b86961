"""How a page is made: a template in the reader's language, escaped, with headers that allow nothing from elsewhere."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response

from marketplace.infra.render.texts import Texts, read_catalogue
from marketplace.kernel.language import DEFAULT, preferred

TEMPLATES: Final = Path(__file__).parents[2] / "templates"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

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


def language_of(request: Request[Any, Any, Any]) -> str:
    """Choose the page language from what the browser asks for."""
    return preferred(request.headers.get("accept-language", ""), TEXTS.keys())


def page(
    template: str, *, status: int = 200, language: str = DEFAULT, **values: Any
) -> Response[str]:
    """Render `templates/portal/<template>` as an HTML answer; the template writes texts as `{{ t.gettext("id") }}`."""
    text = _environment.get_template(f"portal/{template}").render(
        language=language, t=TEXTS[language], **values
    )
    return Response(
        content=text, media_type="text/html", status_code=status, headers=SECURITY_HEADERS
    )
