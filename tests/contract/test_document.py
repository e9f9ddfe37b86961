"""The description of the routes is complete for a person: names, tags, words, and examples that really can be sent."""

import json
from typing import Any, Final

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from marketplace.infra.access import Access
from marketplace.infra.http.contract import TAGS, describe
from marketplace.portal.reference import chapters
from tests.support.app import unopened_app

DOCUMENT: Final = describe(unopened_app())
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    operation["operationId"]: operation
    for item in DOCUMENT["paths"].values()
    for operation in item.values()
}
HANDLERS: Final = {
    str(handler.operation_id): handler
    for route in unopened_app().routes
    for handler in getattr(route, "route_handlers", ())
    if isinstance(handler, HTTPRouteHandler) and isinstance(handler.opt.get("access"), Access)
}
SHOWN: Final = {
    operation.id: operation
    for chapter in chapters(msgspec.json.decode(msgspec.json.encode(DOCUMENT)))
    for operation in chapter.operations
}
WITH_BODY: Final = sorted(
    name
    for name, operation in OPERATIONS.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
)


class TestOperations:
    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_operation_has_one_known_tag_words_and_a_caller(self, name: str) -> None:
        operation = OPERATIONS[name]
        (tag,) = operation["tags"]
        assert tag in {known for known, _ in TAGS}
        assert operation["description"].strip().endswith((".", ")"))
        assert operation["x-access"]["who"] in {"public", "company", "member", "staff", "any"}

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_every_parameter_is_explained_and_bounded(self, name: str) -> None:
        for parameter in OPERATIONS[name].get("parameters", ()):
            assert parameter.get("description"), parameter["name"]
            whole = parameter["schema"]
            for part in whole.get("oneOf", [whole]):
                shape = whole | part
                if shape.get("type") == "string" and "enum" not in shape:
                    assert {"pattern", "maxLength", "format"} & set(shape), parameter["name"]
                if shape.get("type") == "integer":
                    assert {"minimum", "maximum"} <= set(shape), parameter["name"]

    def test_public_routes_say_so_and_others_name_the_credential(self) -> None:
        for operation in OPERATIONS.values():
            is_public = operation["x-access"]["who"] == "public"
            assert operation["security"] == ([{}] if is_public else [{"bearer": []}])

    def test_every_refusal_is_a_problem_document(self) -> None:
        for operation in OPERATIONS.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert set(answer["content"]) == {"application/problem+json"}
                assert answer["description"]


class TestExamples:
    @pytest.mark.parametrize("name", WITH_BODY)
    def test_example_of_a_body_can_be_sent(self, name: str) -> None:
        field = HANDLERS[name].parsed_data_field
        assert field is not None
        body = json.loads(SHOWN[name].example)
        msgspec.convert(body, field.annotation, strict=True)

    @pytest.mark.parametrize("name", WITH_BODY)
    def test_example_says_something_in_every_field(self, name: str) -> None:
        assert "..." not in SHOWN[name].example

    def test_every_good_answer_is_shown(self) -> None:
        for name, operation in SHOWN.items():
            statuses = set(OPERATIONS[name]["responses"])
            assert operation.answer or "204" in statuses, name
