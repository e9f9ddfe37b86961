"""A need from an import is computed in three jobs, so that its progress can be seen between them."""

from uuid import UUID

from marketplace.infra.work import Work
from marketplace.needs import service
from marketplace.needs.domain.need import Failure
from marketplace.needs.service import Read, Reading, Solved, Solving
from workers.registration import Limits, Outward, Tools, effect


async def load_reading(work: Work, need_id: UUID) -> Reading | None:
    """Give what is to be read, if anything is left to read."""
    return await service.load_reading(work, need_id)


async def read_accesses(tools: Tools, task: Reading, _job_id: UUID) -> Read | Failure:
    """Read the file of the accesses."""
    return await service.read(tools.storage, task)


async def record_reading(work: Work, task: Reading, result: Read | Failure) -> None:
    """Note what was read; solving follows."""
    await service.record_reading(work, task.need_id, result)


async def load_solving(work: Work, need_id: UUID) -> Solving | None:
    """Give what is to be solved, if anything is left to solve."""
    return await service.load_solving(work, need_id)


async def solve_accesses(_tools: Tools, task: Solving, _job_id: UUID) -> Solved | Failure:
    """Find the least cost."""
    return await service.solve(task)


async def record_solving(work: Work, task: Solving, result: Solved | Failure) -> None:
    """Note what was found; pricing follows."""
    await service.record_solving(work, task.need_id, result)


read = Outward(
    name="needs.read",
    limits=Limits(queue="heavy"),
    load=load_reading,
    call=read_accesses,
    record=record_reading,
)
solve = Outward(
    name="needs.solve",
    limits=Limits(queue="heavy"),
    load=load_solving,
    call=solve_accesses,
    record=record_solving,
)


@effect("needs.price")
async def price(work: Work, need_id: UUID) -> None:
    """Make the follow-ups and give the answer."""
    await service.price(work, need_id)


@effect("needs.forget_names", Limits(queue="light"))
async def forget_names(work: Work) -> None:
    """Delete lists of people that are old enough."""
    await service.forget_names(work)
