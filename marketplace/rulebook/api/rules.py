"""Routes of the rules: all of them, and one. For anybody, and the same for everybody."""

from functools import cache
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from litestar import Controller, get
from litestar.params import Parameter

from marketplace.infra.access import PUBLIC
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.parameters import AcceptLanguage, Language, wished_languages
from marketplace.kernel.text import END
from marketplace.licensing.rules import Chapter
from marketplace.rulebook.schemas.rules import OneRuleOut, RuleBookOut
from marketplace.rulebook.service.rules import read_rules, speak

ChosenChapter = Annotated[Chapter | None, Parameter(description="Only the rules of this chapter")]
RuleId = Annotated[str, Parameter(description="Rule", pattern=f"^[A-Z][A-Z0-9-]{{0,39}}{END}")]
_HEADERS: Final = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Language"}


class RuleController(Controller):
    """What the house knows about CALs, rule by rule."""

    path = "/v1"
    tags = ("rulebook",)

    @get("/rules", operation_id="list_rules", opt={"access": PUBLIC}, sync_to_thread=False)
    def list_rules(
        self,
        chapter: ChosenChapter = None,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[RuleBookOut]:
        """Read the rules: sentence, sources, dates, what each can find, what cures it, and the cases that hold it."""
        spoken = speak(wished_languages(language, accept_language))
        book, etag = _book(spoken, chapter)
        return Answer(book, headers={**_HEADERS, "etag": etag})

    @get(
        "/rules/{rule_id:str}",
        operation_id="load_rule",
        opt={"access": PUBLIC},
        sync_to_thread=False,
    )
    def load_rule(
        self,
        rule_id: RuleId,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[OneRuleOut]:
        """Read one rule, as a finding or an answer names it."""
        book = read_rules(speak(wished_languages(language, accept_language)))
        rule = OneRuleOut.of(book, rule_id)
        return Answer(rule, headers={**_HEADERS, "etag": _etag_of(rule)})


@cache
def _book(language: str, chapter: Chapter | None) -> tuple[RuleBookOut, str]:
    book = RuleBookOut.of(read_rules(language), chapter)
    return book, _etag_of(book)


def _etag_of(content: RuleBookOut | OneRuleOut) -> str:
    # Of the bytes, not of the version: a better sentence changes the answer, not the rule set.
    return f'"{sha256(msgspec.json.encode(content)).hexdigest()[:16]}"'
