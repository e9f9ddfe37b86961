"""The OpenAPI 3.1 description: made from the code, completed with what every route can answer.

Controllers describe the good answer. The refusals follow from facts this module can see: who may call, whether there
is a body, an id in the path, an idempotency key. A fuzzer checks the description against the running server.
"""

import copy
from typing import Any, Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, SecurityScheme, Tag

from marketplace.infra.access import Access
from marketplace.infra.http.problems import MEDIA_TYPE, TITLES
from marketplace.infra.http.shapes import use_exact_shapes

TAGS: Final = (
    ("companies", "Who trades here: companies, members, API keys, grants to partners"),
    ("products", "What can be traded, and what it is worth tonight"),
    ("listings", "Surplus licences that companies offer"),
    ("reviews", "The operator checks the evidence"),
    ("quotes", "What a buyer needs, priced and reserved"),
    ("orders", "The contract"),
    ("settlements", "Money received"),
    ("transfers", "The licences move"),
    ("certificates", "The proof"),
    ("valuations", "What licences are worth"),
    ("imports", "Files of customers in, checked lines out"),
    ("needs", "How many licences of which kind, at the least cost, and what to do next"),
    ("rulebook", "The rules, and what they say about an environment or a lot"),
    ("operations", "Health, jobs and rules for the operator"),
)

_GOOD_ANSWERS: Final = {
    "200": "Done",
    "201": "Made",
    "202": "Taken, not ready yet; look again after Retry-After seconds",
    "204": "Done, nothing to show",
}

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457). `code` is stable and made for programs.",
    "required": ["type", "code", "title", "status", "detail", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/quote.expired"]},
        "code": {"type": "string", "examples": ["quote.expired"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}


def openapi_config() -> OpenAPIConfig:
    """Give the framework's part of the description."""
    return OpenAPIConfig(
        title="Cession",
        version="1",
        description="Resale of client access licences with a title register. Errors are problem documents.",
        contact=Contact(name="The operator"),
        tags=[Tag(name=name, description=text) for name, text in TAGS],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="An API key or a session token."
                )
            }
        ),
        use_handler_docstrings=True,
        path=None,
    )


def describe(app: Litestar) -> dict[str, Any]:
    """Give the complete OpenAPI document of the application as plain data."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    handlers = _handlers(app)
    use_exact_shapes(document, handlers)
    document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for path, item in tuple(document["paths"].items()):
        for operation in item.values():
            handler = handlers[operation["operationId"]]
            _complete(operation, handler)
            if handler.opt.get("paper"):
                _split_paper(document["paths"], path, operation)
    return document


def _handlers(app: Litestar) -> dict[str, HTTPRouteHandler]:
    found: dict[str, HTTPRouteHandler] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and isinstance(handler.operation_id, str):
                found[handler.operation_id] = handler
    return found


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    access: Access = handler.opt["access"]
    operation["security"] = [{}] if access.who == "public" else [{"bearer": []}]
    operation["x-access"] = _access(access)
    statuses = {422, 429, 503}
    if access.who != "public":
        statuses |= {401, 403}
    is_change = "POST" in handler.http_methods or bool(
        {"PATCH", "PUT", "DELETE"} & set(handler.http_methods)
    )
    if is_change:
        statuses |= {401, 409}
    if any(parameter.get("in") == "path" for parameter in operation.get("parameters", ())):
        statuses |= {404}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header" and parameter["name"].lower() == "if-match":
            statuses |= {412, 428}
            # Optional only for the framework, so that its absence is 428 and not 422.
            parameter |= {"required": True, "schema": {"type": "string", "maxLength": 100}}
    statuses |= set(handler.opt.get("refusals", ()))
    if "POST" in handler.http_methods:
        operation.setdefault("parameters", []).append(_idempotency_parameter())
    for status in sorted(statuses):
        operation["responses"][str(status)] = _refusal(status)
    operation["responses"].pop("400", None)
    for good, text in _GOOD_ANSWERS.items():
        if good in operation["responses"]:
            operation["responses"][good]["description"] = text


def _access(access: Access) -> dict[str, Any]:
    """Say who may call, for programs and for the reference page."""
    told: dict[str, Any] = {"who": access.who}
    if access.scope:
        told["scope"] = access.scope
    if access.roles:
        told["roles"] = sorted(access.roles)
    if access.verified:
        told["verified"] = True
    return told


def _split_paper(paths: dict[str, Any], path: str, operation: dict[str, Any]) -> None:
    """Describe a route that also gives a paper, with `.pdf` behind the id, as the two it is for a client."""
    paper = copy.deepcopy(operation)
    paper["operationId"] = f"{operation['operationId']}_paper"
    paper["summary"] = "Read the paper"
    paper["description"] = "The PDF in one language; 202 and Retry-After while it is being printed."
    paper["responses"]["202"] = {
        "description": _GOOD_ANSWERS["202"],
        "content": operation["responses"]["200"]["content"],
    }
    paper["responses"]["200"] = {
        "description": "The paper (PDF/A-3a)",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
    operation["parameters"] = [item for item in operation["parameters"] if item["in"] != "query"]
    paths[f"{path}.pdf"] = {"get": paper}


def _idempotency_parameter() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Same key and same request give the same answer again (kept at least 24 h); a new UUID is a"
        " good key.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": TITLES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
