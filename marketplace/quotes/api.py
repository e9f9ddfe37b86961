"""Routes of quotes. Accepting one makes an order, so that route is the orders' (`/v1/quotes/{id}/acceptance`)."""

from datetime import timedelta
from typing import Annotated

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from marketplace.infra.access import company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.parameters import (
    AcceptLanguage,
    Cursor,
    GivenSettings,
    GivenWork,
    Limit,
    path_id,
)
from marketplace.kernel.ids import pattern
from marketplace.kernel.language import preferred
from marketplace.kernel.paging import LIMIT_DEFAULT, window_of
from marketplace.licensing.texts import catalogues
from marketplace.quotes import service
from marketplace.quotes.domain.quote import PriceTerms, Quote
from marketplace.quotes.schemas import QuoteOut, QuotePage, QuoteRequest
from marketplace.quotes.service import QuoteTerms

QuoteId = Annotated[str, Parameter(pattern=pattern("qte"), description="Id of a quote")]


class QuoteController(Controller):
    """What a buyer needs, priced and reserved."""

    path = "/v1/quotes"
    tags = ("quotes",)

    @post(
        operation_id="request_quote",
        opt={"access": company("quotes:write", verified=True)},
    )
    async def request_quote(
        self,
        work: GivenWork,
        settings: GivenSettings,
        data: JSONBody[QuoteRequest],
        accept_language: AcceptLanguage = None,
    ) -> Answer[QuoteOut]:
        """Get the cheapest licences for your need at once; they stay reserved for you until `expires_at`.

        Describe your environment, and each line says which of your servers it covers, what is missing, what is too
        much and what would be better.
        """
        asked = [line.to_asked(place) for place, line in enumerate(data.lines)]
        environment = data.to_environment()
        quote = await service.request_quote(work, asked, terms_of(settings), environment)
        return _answer(quote, work, accept_language)

    @get(operation_id="list_quotes", opt={"access": company("quotes:read")})
    async def list_quotes(
        self,
        work: GivenWork,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
        accept_language: AcceptLanguage = None,
    ) -> QuotePage:
        """List your quotes, newest first."""
        page = await service.list_quotes(work, window_of(limit, cursor))
        language = _language(accept_language)
        shown = [QuoteOut.of(quote, work.now, language) for quote in page.items]
        return QuotePage(shown, page.next_cursor)

    @get(
        "/{quote_id:str}",
        operation_id="load_quote",
        opt={"access": company("quotes:read")},
    )
    async def load_quote(
        self, work: GivenWork, quote_id: QuoteId, accept_language: AcceptLanguage = None
    ) -> Answer[QuoteOut]:
        """Look at one quote."""
        quote = await service.load_quote(work, path_id("qte", quote_id))
        return _answer(quote, work, accept_language)

    @post(
        "/{quote_id:str}/decline",
        operation_id="decline_quote",
        status_code=200,
        opt={"access": company("quotes:write"), "refusals": (410,)},
    )
    async def decline_quote(
        self, work: GivenWork, quote_id: QuoteId, accept_language: AcceptLanguage = None
    ) -> Answer[QuoteOut]:
        """Turn a quote down; its licences are free for others at once."""
        quote = await service.decline_quote(work, path_id("qte", quote_id))
        return _answer(quote, work, accept_language)


def terms_of(settings: GivenSettings) -> QuoteTerms:
    """Give the terms this installation quotes on."""
    return QuoteTerms(
        price=PriceTerms(
            currency=settings.currency,
            fee_bp=settings.buyer_fee_bp,
            operator_country=settings.operator_country,
        ),
        valid_for=timedelta(seconds=settings.quote_valid_seconds),
    )


def _answer(quote: Quote, work: GivenWork, accept_language: str | None) -> Answer[QuoteOut]:
    body = QuoteOut.of(quote, work.now, _language(accept_language))
    version = quote.version if body.state is quote.state else quote.version + 1
    headers = {"etag": etag_of(quote.id, version), "Vary": "Accept-Language"}
    return Answer(body, headers=headers)


def _language(accept_language: str | None) -> str:
    return preferred(accept_language or "", catalogues())
