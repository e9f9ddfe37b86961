"""Routes of needs: ask (answered at once, or 202 for an import), look, list, fetch the list of holders, delete."""

from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Controller, delete, get, post
from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Schema,
)
from litestar.params import JSONBody, Parameter
from litestar.status_codes import HTTP_201_CREATED, HTTP_202_ACCEPTED

from marketplace.infra.access import company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import (
    AcceptLanguage,
    Cursor,
    GivenSettings,
    GivenWork,
    Language,
    Limit,
    path_id,
    wished_languages,
)
from marketplace.kernel.ids import pattern
from marketplace.kernel.language import preferred
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.licensing.texts import catalogues
from marketplace.needs import service
from marketplace.needs.domain.need import Need
from marketplace.needs.schemas import NeedOut, NeedPage, NeedRequest, NeedSummary

NeedId = Annotated[str, Parameter(description="Need", pattern=pattern("ned"))]
BODY_MAX: Final = 8_000_000
"""Bytes of a request: 10,000 accesses with long names."""
_RETRY_SECONDS: Final = "2"
_CSV: Final = "text/csv"


@dataclass
class GivesList(Operation):
    """Describes a route whose answer is a CSV file."""

    def __post_init__(self) -> None:
        """Say what comes back."""
        media = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {"200": OpenAPIResponse(description="The list", content={_CSV: media})}


class NeedController(Controller):
    """How many licences of which kind, at the least cost, and what to do next."""

    path = "/v1/needs"
    tags = ["needs"]

    @post(
        operation_id="calculate_need",
        status_code=HTTP_201_CREATED,
        request_max_body_size=BODY_MAX,
        opt={"access": company("needs:write"), "refusals": (413,)},
        responses={HTTP_202_ACCEPTED: ResponseSpec(NeedOut, generate_examples=False)},
    )
    async def calculate_need(
        self,
        work: GivenWork,
        settings: GivenSettings,
        data: JSONBody[NeedRequest],
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[NeedOut]:
        """Learn how many CALs you need at the least cost, what you lack, what is left over, and what to do next.

        Counts and up to 10,000 accesses are answered at once. For an import the answer is 202: look again at `Location`
        until the state is `done` or `failed`.
        """
        need = await service.ask(work, data.to_question(), settings.currency)
        answer = _answer(need, wished_languages(language, accept_language))
        answer.status_code = HTTP_201_CREATED if need.ended_at else HTTP_202_ACCEPTED
        answer.headers["Location"] = f"/v1/needs/{answer.content.id}"
        return answer

    @get(operation_id="list_needs", opt={"access": company("needs:read")})
    async def list_needs(
        self, work: GivenWork, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
    ) -> NeedPage:
        """List your needs, newest first."""
        page = await service.list_needs(work, window_of(limit, cursor))
        return NeedPage([NeedSummary.of(need) for need in page.items], page.next_cursor)

    @get(
        "/{need_id:str}",
        operation_id="load_need",
        opt={"access": company("needs:read")},
    )
    async def load_need(
        self,
        work: GivenWork,
        need_id: NeedId,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[NeedOut]:
        """Look at one need, in the language you like."""
        need = await service.load_need(work, path_id("ned", need_id))
        return _answer(need, wished_languages(language, accept_language))

    @get(
        "/{need_id:str}/assignment",
        operation_id="fetch_assignment",
        operation_class=GivesList,
        media_type=MediaType.TEXT,
        opt={"access": company("needs:read"), "refusals": (409,)},
    )
    async def fetch_assignment(self, work: GivenWork, need_id: NeedId) -> Answer[bytes]:
        """Fetch who gets which CAL as CSV. It is deleted 90 days after the answer, because it names people."""
        listed = await service.load_assignment(work, path_id("ned", need_id))
        return Answer(
            listed,
            media_type=_CSV,
            headers={
                "content-disposition": f'attachment; filename="{need_id}.csv"',
                "cache-control": "no-store",
                "x-content-type-options": "nosniff",
            },
        )

    @delete("/{need_id:str}", operation_id="delete_need", opt={"access": company("needs:write")})
    async def delete_need(self, work: GivenWork, need_id: NeedId) -> None:
        """Delete a need with its answer and its list of holders."""
        await service.delete_need(work, path_id("ned", need_id))


CONTROLLERS: Final = (NeedController,)


def _answer(need: Need, wishes: str) -> Answer[NeedOut]:
    spoken = preferred(wishes, catalogues())
    tag = etag_of(need.id, need.version)
    headers = {
        # The same answer in another language is another representation.
        "etag": f'{tag[:-1]}.{spoken}"',
        "Vary": "Accept-Language",
        "Content-Language": spoken,
    }
    if need.ended_at is None:
        headers["Retry-After"] = _RETRY_SECONDS
    return Answer(NeedOut.of(need, spoken), headers=headers)
