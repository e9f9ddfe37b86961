"""Every page renders in every language, allows nothing from elsewhere, and shows all there is."""

import re
from html.parser import HTMLParser
from typing import Final

import httpx
import msgspec
import pytest

from marketplace.infra.http.contract import describe
from marketplace.infra.http.problems import EDGE_PROBLEMS
from marketplace.infra.render.texts import read_catalogue
from marketplace.kernel import errors
from marketplace.portal.pages import TEMPLATES, TEXTS, with_code
from marketplace.portal.problem_index import GAP, find_problem, problem_index
from tests.support.app import unopened_app
from tests.support.source import python_files

PAGES: Final = (
    "/",
    "/docs",
    "/problems",
    "/problems/quote.expired",
    "/rules",
    "/rules/C05",
    "/verify",
)
LOADING: Final = {"src", "href", "action", "srcset", "poster", "data", "formaction"}
_KINDS: Final = "|".join(
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.DomainError)
)
_RAISED: Final = re.compile(rf'\b(?:{_KINDS})\(\s*"([a-z_]+\.[a-z_]+)"')


class Page(HTMLParser):
    """The addresses and the visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.outward: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.language: str | None = None
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        # A link is followed by a person; everything else with an address is loaded by the page.
        is_outward = tag == "a" and (dict(attrs).get("href") or "").startswith("http")
        if is_outward:
            self.outward.append(dict(attrs))
        for name, value in attrs:
            if name in LOADING and not is_outward:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if (tag, name) == ("html", "lang"):
                self.language = value


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours as WCAG 2.2 defines it, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else re.findall("..", digits)
    parts = [int(pair, 16) / 255 for pair in pairs]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestPages:
    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("language", ["en", "de"])
    async def test_page_renders_and_loads_nothing_from_elsewhere(
        self, reader: httpx.AsyncClient, path: str, language: str
    ) -> None:
        answer = await reader.get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        page = Page(answer.text)
        outside = [
            address for address in page.addresses if not address.startswith(("/", "#", "data:,"))
        ]
        assert outside == []
        assert all("noreferrer" in str(link["rel"]) for link in page.outward)
        assert "script" not in page.tags
        assert "style=" not in answer.text

    @pytest.mark.parametrize("path", [*PAGES, "/problems/no.such_code", "/rules/Z99"])
    async def test_page_says_what_it_may_load(self, reader: httpx.AsyncClient, path: str) -> None:
        headers = (await reader.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"

    @pytest.mark.parametrize("path", ["/", "/rules", "/rules/C05", "/verify"])
    async def test_language_follows_the_browser(self, reader: httpx.AsyncClient, path: str) -> None:
        german = await reader.get(path, headers={"Accept-Language": "de-AT,en;q=0.5"})
        other = await reader.get(path, headers={"Accept-Language": "fr"})
        assert Page(german.text).language == "de"
        assert Page(other.text).language == "en"
        assert german.headers["vary"] == "Accept-Language"

    async def test_chosen_language_wins_over_the_browser(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/rules?language=de", headers={"Accept-Language": "en"})
        assert Page(answer.text).language == "de"

    async def test_style_sheet_is_there_and_loads_nothing_from_elsewhere(
        self, reader: httpx.AsyncClient
    ) -> None:
        answer = await reader.get("/static/style.css")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/css")
        assert not re.search(r"url\(|@import|https?:", answer.text)

    async def test_every_ink_can_be_read_on_every_paper(self, reader: httpx.AsyncClient) -> None:
        # WCAG 2.2, 1.4.3: 4.5 to 1 for text.
        sheet = (await reader.get("/static/style.css")).text
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", sheet))
        link = re.search(r"\na \{ color: (#[0-9a-f]{6})", sheet)
        assert link is not None
        inks = [colours[name] for name in ("ink", "navy", "soft", "good", "bad", "warn")]
        for ink in (*inks, link[1]):
            for paper in (colours["paper"], colours["wash"]):
                assert contrast(ink, paper) >= 4.5, (ink, paper)

    async def test_templates_themselves_are_not_served(self, reader: httpx.AsyncClient) -> None:
        for name in ("docs.html", "page.html", "../page.html"):
            assert (await reader.get(f"/static/{name}")).status_code == 404

    async def test_every_own_address_leads_somewhere(self, reader: httpx.AsyncClient) -> None:
        known = set(describe(unopened_app())["paths"])
        for path in PAGES:
            for address in set(Page((await reader.get(path)).text).addresses):
                if address.startswith("/") and address not in known:
                    assert (await reader.get(address)).status_code == 200, address

    def test_backticks_become_code_and_everything_is_escaped(self) -> None:
        assert with_code("use `a<b` & go") == "use <code>a&lt;b</code> &amp; go"


class TestReference:
    async def test_every_operation_is_shown(self, reader: httpx.AsyncClient) -> None:
        shown = Page((await reader.get("/docs")).text).ids
        operations = {
            operation["operationId"]
            for item in describe(unopened_app())["paths"].values()
            for operation in item.values()
        }
        assert operations
        assert operations <= set(shown)
        assert len(shown) == len(set(shown))

    async def test_description_is_openapi_3_1(self, reader: httpx.AsyncClient) -> None:
        document = (await reader.get("/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        assert document == msgspec.json.decode(msgspec.json.encode(describe(unopened_app())))

    async def test_reference_is_the_same_when_asked_again(self, reader: httpx.AsyncClient) -> None:
        assert (await reader.get("/docs")).text == (await reader.get("/docs")).text


class TestProblems:
    async def test_every_code_in_the_source_is_shown(self, reader: httpx.AsyncClient) -> None:
        raised = {
            code
            for file in python_files("marketplace")
            for code in _RAISED.findall(file.read_text("utf-8"))
        }
        assert {"quote.expired", "transfer.ended", "valuation.unknown"} <= raised
        shown = set(Page((await reader.get("/problems")).text).ids)
        assert raised | set(EDGE_PROBLEMS) <= shown

    async def test_type_of_a_problem_leads_to_its_page(self, reader: httpx.AsyncClient) -> None:
        problem = (await reader.get("/v1/no-such-address")).json()
        answer = await reader.get(problem["type"])
        assert answer.status_code == 200
        assert problem["code"] in answer.text

    async def test_unknown_code_has_a_page_that_says_so(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/problems/no.such_code")
        assert answer.status_code == 404
        assert "No refusal has this code" in answer.text

    async def test_code_is_escaped(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/problems/%3Cb%3Ehello")
        assert "<b>" not in answer.text

    def test_code_that_ends_with_a_state_is_found(self) -> None:
        found = find_problem("order.paid")
        assert found is not None
        assert found.code == f"order.{GAP}"

    def test_every_entry_says_what_to_do_or_leaves_it_to_the_answer(self) -> None:
        for entry in problem_index().values():
            assert entry.title
            assert entry.advice != GAP


class TestVerificationForm:
    async def test_typed_code_leads_to_its_page_in_normal_form(
        self, reader: httpx.AsyncClient
    ) -> None:
        answer = await reader.get("/verify", params={"code": " k7q2md zx4jha-92lrtp b6wnyc "})
        assert answer.status_code == 302
        assert answer.headers["location"] == "/verify/K7Q2MD-ZX4JHA-92LRTP-B6WNYC"

    @pytest.mark.parametrize("code", ["ümläut", "a\nb: c", "x" * 5000, "%00", "日本"])
    async def test_any_text_gets_a_page(self, reader: httpx.AsyncClient, code: str) -> None:
        answer = await reader.get("/verify", params={"code": code})
        assert answer.status_code in {200, 302}
        assert answer.headers.get("location", "/verify/").startswith("/verify/")

    async def test_text_without_a_letter_is_no_code(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/verify", params={"code": "???"})
        assert "No certificate has this code" in answer.text


class TestVerification:
    @pytest.mark.parametrize("code", ["NO-SUCH-CODE", "%00%00", "a%0Ab", "%F0%9F%98%80", "x" * 999])
    async def test_unknown_code_says_so_and_is_not_kept(
        self, client: httpx.AsyncClient, code: str
    ) -> None:
        answer = await client.get(f"/verify/{code}")
        assert answer.status_code == 404
        assert "do not rely on it" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "content-security-policy" in answer.headers


class TestTexts:
    def test_languages_have_the_same_texts(self) -> None:
        assert set(TEXTS) == {"en", "de"}
        by_language = {
            language: {
                str(message.id): str(message.string)
                for message in read_catalogue(
                    TEMPLATES / "locales" / language / "LC_MESSAGES" / "portal.po"
                )
                if message.id
            }
            for language in TEXTS
        }
        assert set(by_language["en"]) == set(by_language["de"])
        for texts in by_language.values():
            assert all(texts.values())

    def test_every_text_is_used_and_every_used_text_exists(self) -> None:
        templates = "".join(
            file.read_text("utf-8") for file in (TEMPLATES / "portal").glob("*.html")
        )
        used = set(re.findall(r'gettext\("([a-z_.]+)"\)', templates))
        built = {"rules.field_", *re.findall(r'"([a-z]+\.(?:[a-z]+_)+)"', templates)}
        known = {
            str(message.id)
            for message in read_catalogue(
                TEMPLATES / "locales" / "en" / "LC_MESSAGES" / "portal.po"
            )
            if message.id
        }
        assert used <= known
        unused = {text for text in known - used if not text.startswith(tuple(built))}
        assert unused == set()
