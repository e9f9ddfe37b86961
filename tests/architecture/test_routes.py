"""Every route says who may call it and what it is called; paths follow design.md section 5."""

import re
from typing import Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.controller import OpenAPIController

from marketplace.infra.access import Access
from tests.support.app import unopened_app

FRAMEWORK: Final = ("/docs", "/schema")
"""Pages of the framework itself: descriptions of the interface, open to everyone."""


def handlers(app: Litestar) -> list[tuple[str, HTTPRouteHandler]]:
    """Give every handler of ours with its path."""
    return [
        (route.path, handler)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if not route.path.startswith(FRAMEWORK)
        and not (isinstance(handler.owner, type) and issubclass(handler.owner, OpenAPIController))
        and handler.http_methods != {"OPTIONS"}
    ]


class TestRoutes:
    def test_there_are_routes(self) -> None:
        assert handlers(unopened_app())

    def test_every_route_says_who_may_call_it(self) -> None:
        silent = [
            f"{sorted(handler.http_methods)} {path}"
            for path, handler in handlers(unopened_app())
            if not isinstance(handler.opt.get("access"), Access)
        ]
        assert silent == []

    def test_operation_ids_are_use_cases_and_unique(self) -> None:
        named = [
            handler.operation_id
            for path, handler in handlers(unopened_app())
            if path.startswith("/v1") and handler.include_in_schema
        ]
        assert [name for name in named if not re.fullmatch(r"[a-z]+(_[a-z]+)+", str(name))] == []
        assert len(named) == len(set(named))

    def test_paths_are_words_and_parameters(self) -> None:
        odd = [
            path
            for path, _ in handlers(unopened_app())
            if path.startswith("/v1")
            and not re.fullmatch(r"/v1(/[a-z]+(-[a-z]+)*|/\{[a-z_]+(:[a-z]+)?\}(\.pdf)?)+", path)
        ]
        assert odd == []
