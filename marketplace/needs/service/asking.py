"""Use cases of needs: ask, look, list, fetch the list of holders, delete, forget."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.need.counts import answer_counts
from marketplace.licensing.need.index import Index
from marketplace.licensing.need.kinds import BASE_FAMILY, RDS_FAMILY
from marketplace.licensing.need.targets import checked_target
from marketplace.needs import store
from marketplace.needs.domain.accesses import Solution, make_problem, solve_problem
from marketplace.needs.domain.answer import Draft, chosen_option
from marketplace.needs.domain.files import FileKind, pack, unpack
from marketplace.needs.domain.holding import Held, Holdings, check_held, pack_held
from marketplace.needs.domain.market import check_own_prices
from marketplace.needs.domain.need import Need, NeedState, Progress, Step
from marketplace.needs.domain.request import Asked, Source
from marketplace.needs.events import NeedAnswered, NeedRequested
from marketplace.needs.service.concluding import Scene, conclude
from marketplace.needs.service.market import see_market, shopper_of
from marketplace.needs.service.owning import check_imports, holdings_of

KEEP_NAMES: Final = timedelta(days=90)
"""Lists of who gets which CAL are personal data; after this time they are deleted, the numbers stay."""
_FAMILIES: Final = (BASE_FAMILY, RDS_FAMILY, "ws_ec", "rds_ec")

log = structlog.get_logger()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request with the names in it: `rows` are (user, device, host), `held` who holds a licence already."""

    asked: Asked
    rows: tuple[tuple[str, str, str], ...] = ()
    held: tuple[Held, ...] = ()


async def ask(work: Work, question: Question, currency: str) -> Need:
    """Answer counts and up to 10,000 accesses at once; accesses of an import are left to jobs.

    Raises:
        Malformed: what is asked makes no sense, see `checked_target`, `answer_counts`, `plan_accesses`, `check_held`,
            `check_own_prices`.
        Conflict: an import named cannot be used, see `check_imports`.
    """
    asked = question.asked
    checked_target(asked.target)
    check_own_prices(asked.prices, currency)
    check_held(question.held)
    await check_imports(work, asked)
    company_id = work.principal.company
    shopper = await shopper_of(work, company_id, restricted_segments=asked.restricted_segments)
    holdings = await holdings_of(work, asked, question.held)
    market = await see_market(work, _products(holdings), shopper, asked.prices, currency)
    need = Need(
        id=work.new_id(),
        company_id=company_id,
        state=NeedState.PENDING,
        asked=asked,
        market=market,
        requested_at=work.now,
    )
    if asked.source is Source.ACCESSES_IMPORT:
        return await _leave_to_jobs(work, need, question.held)
    scene = Scene(holdings=holdings, market=market, shopper=shopper)
    return await _answer_now(work, need, question, scene)


async def load_need(work: Work, need_id: UUID) -> Need:
    """Give a need of the calling company; staff may look at any.

    Raises:
        NotFound: there is none, or it is another company's (row level security decides).
    """
    need = await store.select_need(work.connection, need_id)
    if need is None:
        raise _unknown()
    return need


async def list_needs(work: Work, window: Window) -> Page[Need]:
    """Give the calling company's needs, newest first; staff see all."""
    company_id = None if work.principal.scope == "staff" else work.principal.company
    found = await store.select_page(work.connection, company_id, window)
    return page_of(found, window.limit, lambda need: (str(need.id),))


async def load_assignment(work: Work, need_id: UUID) -> bytes:
    """Give the list of who gets which CAL, as CSV. Not for staff: the names are the company's.

    Raises:
        NotFound: `need.unknown`; `need.assignment_unknown` when the need has no names (any more).
        Conflict: `need.not_done`, while it is computed.
    """
    need = await load_need(work, need_id)
    if need.ended_at is None:
        raise Conflict(
            "need.not_done", "The answer is still computed; look at the need again later."
        )
    packed = await store.select_file(work.connection, need_id, FileKind.ASSIGNMENT)
    if packed is None:
        raise NotFound(
            "need.assignment_unknown",
            "There is no list of holders: the need was asked with counts, it failed, or its list was deleted "
            f"{KEEP_NAMES.days} days after the answer.",
        )
    return unpack(packed)


async def delete_need(work: Work, need_id: UUID) -> None:
    """Delete a need with everything that names people; a computation that runs for it ends without a trace.

    Raises:
        NotFound: `need.unknown`.
    """
    if not await store.delete_need(work.connection, need_id):
        raise _unknown()
    work.audit("need.delete", format_id("ned", need_id))
    log.info("need.deleted", need_id=str(need_id))


async def forget_names(work: Work) -> int:
    """Delete the lists of holders of old needs; give how many. Called by the clock."""
    forgotten = await store.forget_files(work.connection, work.now - KEEP_NAMES)
    log.info("needs.names_forgotten", count=forgotten)
    return forgotten


async def _leave_to_jobs(work: Work, need: Need, held: Sequence[Held]) -> Need:
    await store.insert_need(work.connection, need)
    if held:
        await store.insert_file(work.connection, need.id, FileKind.NAMES, pack_held(held))
    work.announce(NeedRequested(need_id=need.id))
    log.info("need.requested", need_id=str(need.id))
    return need


async def _answer_now(work: Work, need: Need, question: Question, scene: Scene) -> Need:
    solution: Solution | None = None
    if need.asked.source is Source.COUNTS:
        draft = _from_counts(need, scene)
    else:
        # In a thread: others are served while the accesses are solved.
        solution = await asyncio.to_thread(_from_rows, need, question, scene)
        draft = solution.draft
    total = draft.accesses.accesses if draft.accesses else 0
    done = msgspec.structs.replace(
        need,
        state=NeedState.DONE,
        answer=await conclude(work, draft, scene),
        progress=Progress(Step.PRICED, total, total),
        ended_at=work.now,
    )
    await store.insert_need(work.connection, done)
    if solution is not None:
        await store.insert_file(
            work.connection, need.id, FileKind.ASSIGNMENT, pack(solution.assignment)
        )
    work.announce(NeedAnswered(need_id=need.id))
    log.info("need.answered", need_id=str(need.id), source=need.asked.source.value)
    return done


def _from_counts(need: Need, scene: Scene) -> Draft:
    asked = need.asked
    if asked.counts is None:
        raise AssertionError("a need from counts has counts")
    answer = answer_counts(
        asked.counts, asked.target, need.market.price_list, scene.holdings.everything
    )
    chosen = chosen_option(answer.options, answer.advice, asked.prefer)
    return Draft(
        options=answer.options,
        advice=answer.advice,
        chosen=None if chosen is None else chosen.kind,
        external=answer.external,
    )


def _from_rows(need: Need, question: Question, scene: Scene) -> Solution:
    index = Index()
    for user, device, host in question.rows:
        index.add(user, device, host)
    accesses, names = index.finish()
    asked = need.asked
    problem = make_problem(accesses, names, scene.holdings, asked.target)
    return solve_problem(problem, asked.target, need.market.price_list, asked.prefer)


def _products(holdings: Holdings) -> tuple[Product, ...]:
    """Give all products whose price may matter: those that may be needed, and those that are owned."""
    known = load_catalogue().products.values()
    owned = [row.position.product for row in holdings.positions]
    return tuple(dict.fromkeys([*(row for row in known if row.family in _FAMILIES), *owned]))


def _unknown() -> NotFound:
    return NotFound("need.unknown", "There is no such need for your company.")
