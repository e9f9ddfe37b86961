"""The description of the routes says what they take and give."""

from typing import Any

import pytest
from litestar import Litestar

from marketplace.infra.http.contract import describe


@pytest.fixture
async def paths(app: Litestar) -> dict[str, Any]:
    """Give the described paths."""
    found: dict[str, Any] = describe(app)["paths"]
    return found


class TestContract:
    async def test_upload_takes_three_types_of_file(self, paths: dict[str, Any]) -> None:
        operation = paths["/v1/listings/{listing_id}/evidence"]["post"]
        body = operation["requestBody"]
        assert set(body["content"]) == {"application/pdf", "image/png", "image/jpeg"}
        assert body["required"] is True
        assert {"413", "415", "409", "422"} <= set(operation["responses"])

    async def test_download_gives_the_same_types(self, paths: dict[str, Any]) -> None:
        operation = paths["/v1/listings/{listing_id}/evidence/{evidence_id}"]["get"]
        assert set(operation["responses"]["200"]["content"]) == {
            "application/pdf",
            "image/png",
            "image/jpeg",
        }

    async def test_catalogue_needs_no_credential_and_has_typed_filters(
        self, paths: dict[str, Any]
    ) -> None:
        operation = paths["/v1/catalogue"]["get"]
        assert operation["security"] == [{}]
        names = {row["name"] for row in operation["parameters"]}
        assert names == {
            "family",
            "version",
            "metric",
            "country",
            "min_quantity",
            "max_price_minor",
            "cursor",
            "limit",
        }

    @pytest.mark.parametrize("path", ["/v1/listings", "/v1/reviews"])
    async def test_lists_filter_by_state(self, paths: dict[str, Any], path: str) -> None:
        names = {row["name"] for row in paths[path]["get"]["parameters"]}
        assert names == {"state", "cursor", "limit"}
