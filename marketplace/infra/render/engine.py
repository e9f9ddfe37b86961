"""One process, one engine: everything a paper needs, set up once and kept warm.

What is kept was worth a factor of four in CPU per paper (documents.md 4): one font configuration,
parsed style sheets, compiled templates, the compressed ornament. None of it may be shared between
threads (Pango corrupts its memory), which is why the pool uses processes.
"""

import io
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import jinja2
import msgspec
import segno
from cssselect2 import ElementWrapper
from markupsafe import Markup
from weasyprint import CSS, HTML, Attachment
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from marketplace.infra.render.finish import compress_ornament, declare_accessible, finish
from marketplace.infra.render.fonts import load_manifest
from marketplace.infra.render.glyphs import normalised, refuse_unprintable
from marketplace.infra.render.ornament import ORNAMENTS
from marketplace.infra.render.texts import Texts, filters, load_texts
from marketplace.infra.render.wire import Order
from marketplace.kernel.errors import NotFound
from marketplace.kernel.language import DEFAULT

VARIANT: Final = "pdf/a-3a"
PAGE: Final = "page.html"
STYLE: Final = "page.css"
SAMPLE: Final = "sample.json"
QR_MASK: Final = 3


class Engine:
    """Turns orders into PDF/A-3a + PDF/UA-1 bytes; the same order always gives the same bytes."""

    def __init__(self, templates: Path, fonts: Path) -> None:
        """`templates` holds `documents/` and `locales/`; `fonts` is a prepared font folder.

        `FONTCONFIG_FILE` must already name the folder's `fonts.conf` when WeasyPrint is imported.
        """
        self._documents = templates / "documents"
        self._texts = load_texts(templates / "locales")
        self._code_points = frozenset(load_manifest(fonts).code_points)
        self._font_configuration = FontConfiguration()
        # A paper is made of its facts and of nothing it could fetch: no file, no network.
        self._no_fetching = URLFetcher(allowed_protocols=())
        self._environments = {
            language: _environment(self._documents, texts)
            for language, texts in self._texts.items()
        }
        self._styles: dict[str, CSS] = {}
        self._ornaments = {name: compress_ornament(draw()) for name, draw in ORNAMENTS.items()}

    def render(self, order: Order) -> bytes:
        """Print one paper.

        Raises `Malformed` (`document.unprintable_text`), `NotFound` (`document.unknown_template`).
        """
        return self._write(Page(self.page(order), self._no_fetching), order)

    def page(self, order: Order) -> str:
        """Fill the template: the paper as XHTML, before it is laid out. Raises as `render`."""
        self._refuse_unknown(order)
        view = normalised(msgspec.json.decode(order.view))
        refuse_unprintable(view, self._code_points)
        template = self._environments[order.language].get_template(f"{order.folder}/{PAGE}")
        return template.render(
            view=view, language=order.language, kind=order.kind, version=order.version
        )

    def warm_up(self) -> None:
        """Print every template's sample once, so that the first real paper is as fast as any."""
        for sample in sorted(self._documents.glob(f"*/v*/{SAMPLE}")):
            folder = sample.parent
            order = Order(
                kind=folder.parent.name,
                version=int(folder.name.removeprefix("v")),
                language=DEFAULT,
                view=msgspec.Raw(sample.read_bytes()),
            )
            self.render(order)

    def _write(self, html: "Page", order: Order) -> bytes:
        document = html.render(
            stylesheets=[self._style(order)],
            font_config=self._font_configuration,
            pdf_variant=VARIANT,
        )
        declare_accessible(document)
        ornament = self._ornaments.get(html.etree_element.get("data-ornament", ""))
        pdf: bytes = document.write_pdf(
            pdf_variant=VARIANT,
            attachments=[_facts(order, document.metadata.created)],
            finisher=lambda _, pdf: finish(pdf, ornament),
        )
        return pdf

    def _style(self, order: Order) -> CSS:
        if order.folder not in self._styles:
            self._styles[order.folder] = CSS(
                string=(self._documents / order.folder / STYLE).read_text(encoding="utf-8"),
                font_config=self._font_configuration,
                url_fetcher=self._no_fetching,
            )
        return self._styles[order.folder]

    def _refuse_unknown(self, order: Order) -> None:
        known = (self._documents / order.folder / PAGE).is_file() and order.kind.isidentifier()
        if not known or order.language not in self._texts:
            raise NotFound(
                "document.unknown_template",
                f"There is no {order.kind!r} template, version {order.version}, in"
                f" {order.language!r}; languages: {', '.join(self._texts)}.",
            )


class Page(HTML):  # type: ignore[misc]  # WeasyPrint ships no types
    """A page parsed as XML: 5 ms less than as HTML, and a page that is not well formed is refused.

    The template is ours and escapes all data, so nothing foreign can bring a document type along.
    """

    def __init__(self, text: str, url_fetcher: URLFetcher) -> None:
        root = ET.fromstring(text)  # noqa: S314  # our own template, see above
        self.base_url = None
        self.url_fetcher = url_fetcher
        self.media_type = "print"
        self.wrapper_element = ElementWrapper.from_html_root(root, content_language=None)
        self.etree_element = self.wrapper_element.etree_element


def _environment(documents: Path, texts: Texts) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(documents),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install = environment.install_gettext_callables  # type: ignore[attr-defined]  # by extension
    install(texts.gettext, texts.ngettext, newstyle=True)
    environment.filters.update(filters(texts))
    environment.globals["qr_code"] = qr_code
    return environment


def qr_code(url: str, title: str, colour: str) -> Markup:
    """Draw a QR code (ISO/IEC 18004, level M or better) as inline SVG with a title.

    Readers take every mask; trying all eight for the best one would cost 2 ms of CPU per paper.
    """
    drawing = io.BytesIO()
    segno.make(url, error="m", micro=False, mask=QR_MASK).save(
        drawing,
        kind="svg",
        xmldecl=False,
        svgns=True,
        border=0,
        omitsize=True,
        title=title,
        dark=colour,
        nl=False,
    )
    return Markup(drawing.getvalue().decode("utf-8"))  # noqa: S704  # segno escapes the title


def _facts(order: Order, created: str | None) -> Attachment:
    """Put the facts into the paper as JSON: people and machines read the same."""
    moment = datetime.fromisoformat(created or "1970-01-01T00:00:00+00:00")
    return Attachment(
        string=bytes(order.view),
        name=f"{order.kind}.json",
        description=f"Facts of this {order.kind}, version {order.version}",
        created=moment,
        modified=moment,
        relationship="Data",
    )
