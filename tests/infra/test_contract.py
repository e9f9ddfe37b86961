"""The OpenAPI document: exact where the framework's own is not, and complete about refusals."""

from typing import Annotated, Any

import msgspec
import pytest
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from marketplace.infra.access import PUBLIC, staff
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.contract import describe
from marketplace.infra.http.parameters import GivenWork, IfMatch
from tests.support.app import unopened_app
from tests.support.edge import Stored


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """A body with bounds in every place."""

    tags: Annotated[list[Annotated[str, Meta(max_length=3)]], Meta(min_length=1)]
    either: list[Annotated[int, Meta(ge=1)]] | None = None


class ShapeController(Controller):
    """Routes to describe."""

    path = "/shapes"
    tags = ("operations",)

    @post(operation_id="add_shape", opt={"access": PUBLIC})
    async def add_shape(self, work: GivenWork, data: JSONBody[Shape]) -> Answer[Stored]:
        """Add."""
        raise NotImplementedError(work, data)

    @post("/{shape_id:int}", operation_id="change_shape", opt={"access": staff("admin")})
    async def change_shape(
        self, work: GivenWork, shape_id: FromPath[int], if_match: IfMatch = None
    ) -> Stored:
        """Change."""
        raise NotImplementedError(work, shape_id, if_match)

    @get(operation_id="list_shapes", opt={"access": PUBLIC})
    async def list_shapes(self) -> list[Stored]:
        """List."""
        return []


@pytest.fixture
def document() -> dict[str, Any]:
    return describe(unopened_app(ShapeController))


@pytest.fixture
def whole() -> dict[str, Any]:
    return describe(unopened_app())


class TestShapes:
    def test_bounds_of_elements_and_of_alternatives_are_told(
        self, document: dict[str, Any]
    ) -> None:
        shape = document["components"]["schemas"]["Shape"]
        assert shape["additionalProperties"] is False
        assert shape["properties"]["tags"] == {
            "type": "array",
            "items": {"type": "string", "maxLength": 3},
            "minItems": 1,
        }
        assert shape["properties"]["either"]["anyOf"][0]["items"] == {
            "type": "integer",
            "minimum": 1,
        }

    def test_bodies_and_answers_point_at_them(self, document: dict[str, Any]) -> None:
        post = document["paths"]["/shapes"]["post"]
        ref = "#/components/schemas/"
        body = post["requestBody"]["content"]["application/json"]["schema"]
        good = post["responses"]["201"]["content"]["application/json"]["schema"]
        assert (body, good) == ({"$ref": f"{ref}Shape"}, {"$ref": f"{ref}Stored"})
        listed = document["paths"]["/shapes"]["get"]["responses"]["200"]
        assert listed["content"]["application/json"]["schema"] == {
            "type": "array",
            "items": {"$ref": f"{ref}Stored"},
        }

    def test_nothing_is_described_that_nothing_uses(self, document: dict[str, Any]) -> None:
        assert set(document["components"]["schemas"]) == {"Problem", "Shape", "Stored"}


class TestRefusals:
    def test_public_route_needs_no_credential(self, document: dict[str, Any]) -> None:
        add = document["paths"]["/shapes"]["post"]
        assert add["security"] == [{}]
        assert set(add["responses"]) == {"201", "401", "409", "422", "429", "503"}

    def test_change_of_a_thing_can_be_refused_in_all_its_ways(
        self, document: dict[str, Any]
    ) -> None:
        change = document["paths"]["/shapes/{shape_id}"]["post"]
        assert change["security"] == [{"bearer": []}]
        assert {"401", "403", "404", "409", "412", "422", "428"} <= set(change["responses"])
        if_match = next(item for item in change["parameters"] if item["name"] == "If-Match")
        assert if_match["required"] is True

    def test_every_refusal_is_a_problem(self, document: dict[str, Any]) -> None:
        for item in document["paths"].values():
            for operation in item.values():
                for status, response in operation["responses"].items():
                    if int(status) >= 400:
                        assert list(response["content"]) == ["application/problem+json"]


class TestWholeApplication:
    def test_every_reference_leads_somewhere(self, whole: dict[str, Any]) -> None:
        schemas = whole["components"]["schemas"]

        def walk(node: Any) -> None:
            if isinstance(node, dict):
                if "$ref" in node:
                    assert node["$ref"].rsplit("/", 1)[1] in schemas
                for branch in node.values():
                    walk(branch)
            elif isinstance(node, list | tuple):
                for branch in node:
                    walk(branch)

        walk(whole)

    def test_times_are_told_as_times(self, whole: dict[str, Any]) -> None:
        company = whole["components"]["schemas"]["CompanyOut"]["properties"]
        assert company["created_at"]["format"] == "date-time"
        assert company["verified_at"]["anyOf"][0]["format"] == "date-time"

    def test_no_route_is_given_both_a_work_and_a_view(self) -> None:
        """Resolved together, the framework would not put the one away when the other is refused."""
        for route in unopened_app().routes:
            for handler in getattr(route, "route_handlers", ()):
                given = set(handler.parsed_fn_signature.parameters)
                assert not {"work", "view"} <= given, handler.handler_name
