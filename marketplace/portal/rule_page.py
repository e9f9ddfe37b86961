"""The rule book as a page: all rules by chapter, or one of them."""

from typing import Any

from litestar import Request, Response

from marketplace.licensing.eligibility.findings import Outcome
from marketplace.licensing.programmes import load_programmes
from marketplace.licensing.rules import Chapter
from marketplace.portal.pages import TEXTS, language_of, page
from marketplace.rulebook.service.matrices import (
    licence_server_matrix,
    session_host_matrix,
    zone_matrix,
)
from marketplace.rulebook.service.rules import read_rules


def rule_page(request: Request[Any, Any, Any], rule_id: str) -> Response[str]:
    """Show the rule with this id, all rules when it is empty; 404 when there is no such rule."""
    language = language_of(request)
    book = read_rules(language)
    shown = [rule for rule in book.rules if rule_id in {"", rule.row.id}]
    chapters = [
        (chapter.value, [rule for rule in shown if rule.row.chapter is chapter])
        for chapter in Chapter
    ]
    return page(
        "rules.html",
        status=200 if shown else 404,
        language=language,
        version=book.version,
        chosen=rule_id[:40],
        chapters=[(name, rules) for name, rules in chapters if rules],
        outcomes=[outcome.value for outcome in Outcome],
        programmes=list(load_programmes().programmes.values()),
        zones=zone_matrix(),
        hosts=session_host_matrix(),
        servers=licence_server_matrix(),
        other_language=next(tag for tag in TEXTS if tag != language),
        query=f"?language={language}" if "language" in request.query_params else "",
    )
