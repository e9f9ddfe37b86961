"""Routes for people: what this is, the API reference, the refusals, and checking a certificate."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Litestar, Request, Response, get
from litestar.params import FromPath, Parameter
from litestar.response import Redirect
from litestar.static_files import create_static_files_router

from marketplace.certificates import service as certificates
from marketplace.infra.access import PUBLIC
from marketplace.infra.http.contract import describe
from marketplace.infra.http.parameters import GivenView
from marketplace.kernel.errors import NotFound
from marketplace.portal.pages import TEMPLATES, language_of, page
from marketplace.portal.problem_index import problem_index
from marketplace.portal.reference import chapters

_PUBLIC_PAGE = {"access": PUBLIC}


class PortalController(Controller):
    """Pages for people."""

    include_in_schema = False
    opt = _PUBLIC_PAGE

    @get("/", operation_id="show_home", sync_to_thread=False)
    def show_home(self) -> Response[str]:
        """Say what this is."""
        return page("home.html")

    @get("/docs", operation_id="show_reference", sync_to_thread=False)
    def show_reference(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Show the API reference; it needs no scripts and no internet."""
        return page("docs.html", chapters=chapters(_document(request.app)))

    @get("/openapi.json", operation_id="show_openapi", sync_to_thread=False)
    def show_openapi(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Give the OpenAPI 3.1 document."""
        return Response(msgspec.json.encode(_document(request.app)), media_type="application/json")

    @get("/problems", operation_id="list_problems", sync_to_thread=False)
    def list_problems(self) -> Response[str]:
        """Show every refusal."""
        entries = list(problem_index().values())
        return page("problems.html", title="Refusals", entries=entries)

    @get("/problems/{code:str}", operation_id="show_problem", sync_to_thread=False)
    def show_problem(self, code: FromPath[str]) -> Response[str]:
        """Show one refusal: the page that `type` of a problem document points to."""
        entry = problem_index().get(code)
        if entry is None:
            raise NotFound("problem.unknown", "There is no refusal with this code; see /problems.")
        return page("problems.html", title=code, entries=[entry])

    @get("/verify", operation_id="show_verification_form")
    async def show_verification_form(
        self,
        request: Request[Any, Any, Any],
        code: Annotated[str | None, Parameter(max_length=60)] = None,
    ) -> Response[Any]:
        """Ask for the code of a certificate."""
        if code and code.strip():
            letters = "".join(letter for letter in code if letter.isalnum() or letter == "-")
            return Redirect(f"/verify/{letters or 'none'}")
        return page(
            "verify.html", language=language_of(request), facts=None, code="", missing=False
        )

    @get(
        "/verify/{code:str}",
        operation_id="show_verification",
        opt={**_PUBLIC_PAGE, "guessable": False},
    )
    async def show_verification(
        self, request: Request[Any, Any, Any], view: GivenView, code: FromPath[str]
    ) -> Response[str]:
        """Show the state of a certificate and what may be public of it."""
        language = language_of(request)
        try:
            facts = await certificates.verify_code(view, code[:60])
        except NotFound:
            return page(
                "verify.html", status=404, language=language, facts=None, code=code, missing=True
            )
        return page("verify.html", language=language, facts=facts, code=code, missing=False)


def _document(app: Litestar) -> dict[str, Any]:
    if not hasattr(app.state, "openapi_document"):
        app.state.openapi_document = describe(app)
    document: dict[str, Any] = app.state.openapi_document
    return document


static_files = create_static_files_router(
    path="/static",
    directories=[TEMPLATES / "portal"],
    opt=_PUBLIC_PAGE,
    include_in_schema=False,
    name="static",
)
