"""Routes that answer by the rules: what an environment needs, and what the conditions find about a position."""

from typing import Final

from litestar import Controller, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from marketplace.infra.access import PUBLIC
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.parameters import (
    AcceptLanguage,
    GivenWork,
    Language,
    wished_languages,
)
from marketplace.quotes.schemas.environment import EnvironmentBody
from marketplace.rulebook.schemas.coverage import CoverageOut
from marketplace.rulebook.schemas.eligibility import EligibilityOut, EligibilityRequest
from marketplace.rulebook.service.coverage import ask_coverage
from marketplace.rulebook.service.eligibility import ask_eligibility
from marketplace.rulebook.service.rules import speak

_HEADERS: Final = {"Vary": "Accept-Language"}


class CoverageController(Controller):
    """What the rules say about your servers and your licences."""

    path = "/v1"
    tags = ("rulebook",)

    @post(
        "/coverage",
        operation_id="ask_coverage",
        status_code=HTTP_200_OK,
        opt={"access": PUBLIC},
    )
    async def ask_coverage(
        self,
        work: GivenWork,
        data: JSONBody[EnvironmentBody],
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[CoverageOut]:
        """Learn which CALs your servers need, what needs none and why; nothing you send is kept."""
        del (
            work
        )  # a request without a unit of work has no caller, and nobody would count its replays
        answer = ask_coverage(data.to_value())
        spoken = speak(wished_languages(language, accept_language))
        return Answer(CoverageOut.of(answer, spoken), headers=dict(_HEADERS))

    @post(
        "/eligibility",
        operation_id="ask_eligibility",
        status_code=HTTP_200_OK,
        opt={"access": PUBLIC},
    )
    async def ask_eligibility(
        self,
        work: GivenWork,
        data: JSONBody[EligibilityRequest],
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[EligibilityOut]:
        """Learn today's findings about licences you could sell, before you list them; nothing you send is kept."""
        answer = ask_eligibility(data.to_question(), work.now.date())
        spoken = speak(wished_languages(language, accept_language))
        return Answer(EligibilityOut.of(answer, spoken), headers=dict(_HEADERS))
