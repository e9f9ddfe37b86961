"""The three steps of a need from an import, for the jobs: read the accesses, solve them, price what follows.

A step loads in one transaction, computes with none open, and records in another. It may run twice or be cut off at any
point: `record_*` changes nothing when the step was made before or the need was deleted meanwhile. What the domain
refuses ends the need as failed; it is an answer, not a defect.
"""

import asyncio
from uuid import UUID

import msgspec
import structlog

from marketplace.imports import service as imports
from marketplace.imports.domain.accesses import AccessFileDamaged, read_accesses
from marketplace.infra.storage import Storage, StoredFileDamaged, StoredFileMissing
from marketplace.infra.work import Work
from marketplace.kernel.errors import DomainError
from marketplace.kernel.events import Event
from marketplace.licensing.need.prices import PriceList
from marketplace.licensing.need.targets import Target
from marketplace.needs import store
from marketplace.needs.domain import need as decisions
from marketplace.needs.domain.accesses import (
    Solution,
    make_problem,
    number_accesses,
    pack_problem,
    solve_problem,
    unpack_problem,
)
from marketplace.needs.domain.answer import Draft
from marketplace.needs.domain.files import PASSING, FileKind, pack, unpack
from marketplace.needs.domain.holding import Holdings, unpack_held
from marketplace.needs.domain.need import Failure, Need, Step
from marketplace.needs.domain.request import Prefer
from marketplace.needs.service.concluding import Scene, conclude
from marketplace.needs.service.market import shopper_of
from marketplace.needs.service.owning import check_imports, holdings_of

log = structlog.get_logger()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What the first step needs: the stored file of the accesses, and what is owned."""

    need_id: UUID
    target: Target
    sha256: str = ""
    holdings: Holdings = Holdings()
    failure: Failure | None = None


class Solving(msgspec.Struct, frozen=True, kw_only=True):
    """What the second step needs: the packed problem and the prices of the day of the request."""

    need_id: UUID
    problem: bytes
    target: Target
    prices: PriceList
    prefer: Prefer


class Read(msgspec.Struct, frozen=True):
    """The problem as read and packed, and how many accesses there are."""

    problem: bytes
    accesses: int


class Solved(msgspec.Struct, frozen=True):
    """The draft of the answer and the packed list of holders."""

    draft: bytes
    assignment: bytes


async def load_reading(work: Work, need_id: UUID) -> Reading | None:
    """Give what is to be read; None when there is nothing left to do."""
    need = await _waiting(work, need_id, Step.READ)
    if need is None:
        return None
    try:
        await check_imports(work, need.asked)
        holdings = await _holdings(work, need)
        sha256 = await _accesses_hash(work, need)
    except DomainError as refusal:
        failure = Failure(refusal.code, refusal.detail)
        return Reading(need_id=need.id, target=need.asked.target, failure=failure)
    return Reading(need_id=need.id, target=need.asked.target, sha256=sha256, holdings=holdings)


async def read(storage: Storage, task: Reading) -> Read | Failure:
    """Read the file and set it against what is owned."""
    if task.failure is not None:
        return task.failure
    try:
        data = await storage.get(task.sha256)
        problem = await asyncio.to_thread(_read, data, task)
    except DomainError as refusal:
        return Failure(refusal.code, refusal.detail)
    except (StoredFileMissing, StoredFileDamaged, AccessFileDamaged):
        return Failure(
            "need.accesses_lost", "The file of the accesses is not there any more; import it again."
        )
    return problem


async def record_reading(work: Work, need_id: UUID, result: Read | Failure) -> None:
    """Note the accesses and go on with solving."""
    need = await _waiting(work, need_id, Step.READ, lock=True)
    if need is None:
        return
    if isinstance(result, Failure):
        await _fail(work, need, result)
        return
    await store.insert_file(work.connection, need_id, FileKind.PROBLEM, result.problem)
    moved = decisions.take_step(need, Step.READ, 0, result.accesses)
    await store.save_need(work.connection, moved)
    work.enqueue("needs.solve", {"need_id": str(need_id)}, queue="heavy")
    log.info("need.read", need_id=str(need_id), accesses=result.accesses)


async def load_solving(work: Work, need_id: UUID) -> Solving | None:
    """Give what is to be solved; None when there is nothing left to do."""
    need = await _waiting(work, need_id, Step.SOLVED)
    if need is None:
        return None
    problem = await store.select_file(work.connection, need_id, FileKind.PROBLEM)
    if problem is None:
        raise AssertionError("a need that was read has its problem")
    return Solving(
        need_id=need_id,
        problem=problem,
        target=need.asked.target,
        prices=need.market.price_list,
        prefer=need.asked.prefer,
    )


async def solve(task: Solving) -> Solved | Failure:
    """Find the least cost, in a thread."""
    try:
        return await asyncio.to_thread(_solve, task)
    except DomainError as refusal:
        return Failure(refusal.code, refusal.detail)


async def record_solving(work: Work, need_id: UUID, result: Solved | Failure) -> None:
    """Note who gets which CAL and go on with pricing."""
    need = await _waiting(work, need_id, Step.SOLVED, lock=True)
    if need is None:
        return
    if isinstance(result, Failure):
        await _fail(work, need, result)
        return
    await store.insert_file(work.connection, need_id, FileKind.SOLUTION, result.draft)
    await store.insert_file(work.connection, need_id, FileKind.ASSIGNMENT, result.assignment)
    total = need.progress.total
    await store.save_need(work.connection, decisions.take_step(need, Step.SOLVED, total, total))
    work.enqueue("needs.price", {"need_id": str(need_id)})
    log.info("need.solved", need_id=str(need_id))


async def price(work: Work, need_id: UUID) -> None:
    """Make the follow-ups on today's market and give the answer."""
    need = await _waiting(work, need_id, Step.PRICED, lock=True)
    if need is None:
        return
    packed = await store.select_file(work.connection, need_id, FileKind.SOLUTION)
    if packed is None:
        raise AssertionError("a need that was solved has its solution")
    draft = msgspec.json.decode(unpack(packed), type=Draft)
    shopper = await shopper_of(
        work, need.company_id, restricted_segments=need.asked.restricted_segments
    )
    try:
        holdings = await _holdings(work, need)
    except DomainError as refusal:
        await _fail(work, need, Failure(refusal.code, refusal.detail))
        return
    answer = await conclude(
        work, draft, Scene(holdings=holdings, market=need.market, shopper=shopper)
    )
    await _end(work, *decisions.finish(need, answer, work.now))


async def _waiting(work: Work, need_id: UUID, step: Step, *, lock: bool = False) -> Need | None:
    """Give the need when this is the step to be made now; a deleted or ended one has none."""
    need = await store.select_need(work.connection, need_id, lock=lock)
    return need if need is not None and need.waits_for(step) else None


async def _holdings(work: Work, need: Need) -> Holdings:
    packed = await store.select_file(work.connection, need.id, FileKind.NAMES)
    return await holdings_of(work, need.asked, () if packed is None else unpack_held(packed))


async def _accesses_hash(work: Work, need: Need) -> str:
    if need.asked.accesses_import_id is None:
        raise AssertionError("a need that waits for jobs names an import")
    return (await imports.access_file(work, need.asked.accesses_import_id)).sha256


async def _fail(work: Work, need: Need, failure: Failure) -> None:
    await store.delete_files(work.connection, need.id, FileKind.ASSIGNMENT)
    await _end(work, *decisions.fail(need, failure, work.now))


async def _end(work: Work, need: Need, event: Event) -> None:
    """Store the end and drop the files that were only needed on the way."""
    await store.save_need(work.connection, need)
    await store.delete_files(work.connection, need.id, *PASSING)
    work.announce(event)
    log.info("need.ended", need_id=str(need.id), state=need.state.value)


def _read(data: bytes, task: Reading) -> Read:
    accesses, names = number_accesses(read_accesses(data))
    problem = make_problem(accesses, names, task.holdings, task.target)
    return Read(pack_problem(problem), problem.size)


def _solve(task: Solving) -> Solved:
    found: Solution = solve_problem(
        unpack_problem(task.problem), task.target, task.prices, task.prefer
    )
    return Solved(pack(msgspec.json.encode(found.draft)), pack(found.assignment))
