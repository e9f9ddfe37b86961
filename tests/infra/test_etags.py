"""Strong ETags: unchanged is not sent again, a change names what it was made on."""

from uuid import UUID

import httpx
import pytest

from marketplace.infra.http.etags import etag_of, require_match
from marketplace.kernel.errors import PreconditionFailed, PreconditionRequired
from tests.support.edge import EDGE_ID


class TestEtag:
    def test_is_strong_and_differs_by_thing_and_version(self) -> None:
        tags = {etag_of(UUID(int=number), version) for number in (1, 2) for version in (1, 2)}
        assert len(tags) == 4
        assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


class TestIfNoneMatch:
    @pytest.mark.parametrize("form", ["{}", '"other", {}', "W/{}", "*"])
    async def test_known_version_is_not_sent_again(
        self, edge: httpx.AsyncClient, form: str
    ) -> None:
        tag = etag_of(EDGE_ID, 1)
        answer = await edge.get("/edge/notes/1", headers={"If-None-Match": form.format(tag)})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag

    @pytest.mark.parametrize("tag", ['"other"', "", etag_of(EDGE_ID, 1).strip('"')])
    async def test_other_version_is_sent(self, edge: httpx.AsyncClient, tag: str) -> None:
        answer = await edge.get("/edge/notes/1", headers={"If-None-Match": tag})
        assert answer.status_code == 200
        assert answer.json() == {"id": "evt", "text": "text"}


class TestIfMatch:
    @pytest.mark.parametrize("form", ["{}", '"other", {}', "{},  ", "*"])
    def test_present_version_is_accepted(self, form: str) -> None:
        require_match(form.format(etag_of(EDGE_ID, 3)), EDGE_ID, 3)

    @pytest.mark.parametrize("header", ['"other"', "", "W/{}", "{}x"])
    def test_other_version_is_refused(self, header: str) -> None:
        with pytest.raises(PreconditionFailed):
            require_match(header.format(etag_of(EDGE_ID, 3)), EDGE_ID, 3)

    def test_missing_header_is_asked_for(self) -> None:
        with pytest.raises(PreconditionRequired):
            require_match(None, EDGE_ID, 3)

    async def test_statuses_are_those_of_the_rfcs(self, edge: httpx.AsyncClient) -> None:
        old = {"If-Match": etag_of(EDGE_ID, 2)}
        assert (await edge.delete("/edge/notes/3")).status_code == 428
        assert (await edge.delete("/edge/notes/3", headers=old)).status_code == 412
        assert (await edge.delete("/edge/notes/2", headers=old)).status_code == 204
