"""Routes for people: what this is, the API reference, the refusals, and checking a certificate."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Litestar, Request, Response, get
from litestar.params import FromPath, Parameter
from litestar.response import Redirect
from litestar.static_files import create_static_files_router

from marketplace.certificates import service as certificates
from marketplace.certificates.domain.certificate import normal_code
from marketplace.infra.access import PUBLIC
from marketplace.infra.http.contract import describe
from marketplace.infra.http.parameters import GivenView
from marketplace.kernel.errors import NotFound
from marketplace.portal.pages import KEPT_FOR_MINUTES, NEVER_KEPT, STATIC, language_of, page
from marketplace.portal.problem_index import find_problem, problem_index
from marketplace.portal.reference import chapters
from marketplace.portal.rule_page import rule_page

_PUBLIC_PAGE = {"access": PUBLIC}


class PortalController(Controller):
    """Pages for people."""

    include_in_schema = False
    opt = _PUBLIC_PAGE

    @get("/", operation_id="show_home", sync_to_thread=False)
    def show_home(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Say what this is."""
        return page("home.html", language=language_of(request))

    # The first reader pays for the description (0.1 to 0.3 s): in a thread, so that nobody else waits for it.
    @get("/docs", operation_id="show_reference", sync_to_thread=True)
    def show_reference(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Show the API reference; it needs no scripts and no internet."""
        return page("docs.html", chapters=chapters(_document(request.app)))

    @get("/openapi.json", operation_id="show_openapi", sync_to_thread=True)
    def show_openapi(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Give the OpenAPI 3.1 document."""
        return Response(
            msgspec.json.encode(_document(request.app)),
            media_type="application/json",
            headers={"Cache-Control": KEPT_FOR_MINUTES},
        )

    @get("/problems", operation_id="list_problems", sync_to_thread=True)
    def list_problems(self) -> Response[str]:
        """Show every refusal."""
        return page("problems.html", code="", entries=list(problem_index().values()))

    @get("/problems/{code:str}", operation_id="show_problem", sync_to_thread=True)
    def show_problem(self, code: FromPath[str]) -> Response[str]:
        """Show one refusal: the page that `type` of a problem document points to."""
        entry = find_problem(code)
        if entry is None:
            return page("problems.html", status=404, code=code[:80], entries=[])
        return page("problems.html", code=code, entries=[entry])

    # The first reader pays for reading the data files and the cases: in a thread, as above.
    @get("/rules", operation_id="show_rules", sync_to_thread=True)
    def show_rules(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Show the rule book."""
        return rule_page(request, "")

    @get("/rules/{rule_id:str}", operation_id="show_rule", sync_to_thread=True)
    def show_rule(self, request: Request[Any, Any, Any], rule_id: FromPath[str]) -> Response[str]:
        """Show one rule: the page that a finding or an answer may point to."""
        return rule_page(request, rule_id)

    @get("/verify", operation_id="show_verification_form", sync_to_thread=False)
    def show_verification_form(
        self,
        request: Request[Any, Any, Any],
        code: Annotated[str, Parameter(description="As typed by a person")] = "",
    ) -> Response[Any]:
        """Ask for the code of a certificate; with one, go to its page."""
        typed = normal_code(code)
        if typed:
            return Redirect(f"/verify/{typed}")
        return page(
            "verify.html", language=language_of(request), facts=None, code="", missing=bool(code)
        )

    @get("/verify/{code:str}", operation_id="show_verification")
    async def show_verification(
        self, request: Request[Any, Any, Any], view: GivenView, code: FromPath[str]
    ) -> Response[str]:
        """Show the state of a certificate and what may be public of it."""
        language = language_of(request)
        typed = normal_code(code)
        try:
            facts = await certificates.verify_code(view, typed)
        except NotFound:
            return page(
                "verify.html",
                status=404,
                language=language,
                cache=NEVER_KEPT,
                facts=None,
                code=typed,
                missing=True,
            )
        return page(
            "verify.html",
            language=language,
            cache=NEVER_KEPT,
            facts=facts,
            code=typed,
            missing=False,
        )


def _document(app: Litestar) -> dict[str, Any]:
    if not hasattr(app.state, "openapi_document"):
        app.state.openapi_document = describe(app)
    document: dict[str, Any] = app.state.openapi_document
    return document


static_files = create_static_files_router(
    path="/static",
    directories=[STATIC],
    opt=_PUBLIC_PAGE,
    include_in_schema=False,
    name="static",
)
