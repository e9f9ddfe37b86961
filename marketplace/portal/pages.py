"""How a page is made: a Jinja2 template, escaped, with headers that allow nothing from elsewhere."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

TEMPLATES: Final = Path(__file__).parents[2] / "templates"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_environment: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: Any) -> Response[str]:
    """Render `templates/portal/<template>` as an HTML answer."""
    text = _environment.get_template(f"portal/{template}").render(**values)
    return Response(
        content=text, media_type="text/html", status_code=status, headers=SECURITY_HEADERS
    )
