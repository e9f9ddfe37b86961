"""Certificates: an order is completed inside the database, its papers are printed outside of it."""

from uuid import UUID

import msgspec

from marketplace.certificates import service
from marketplace.certificates.domain.certificate import Certificate, Paper, Reader
from marketplace.certificates.service import Printed
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.settings import Settings
from marketplace.infra.work import Work
from workers.registration import Limits, Outward, Tools, effect


class Task(msgspec.Struct, frozen=True):
    """A certificate to print for one reader."""

    certificate: Certificate
    reader: Reader


@effect("certificates.complete_order", Limits(queue="light"))
async def complete_order(work: Work, order_id: UUID, settings: Settings) -> None:
    """Post and certify an order once it is paid and declared."""
    await service.complete_order(work, order_id, settings.public_url)


async def load_for_holder(work: Work, certificate_id: UUID) -> Task | None:
    """Give what has to be printed for the holder, if anything is left to print."""
    return await _task(work, certificate_id, Reader.HOLDER)


async def load_for_seller(work: Work, certificate_id: UUID) -> Task | None:
    """Give what has to be printed for the seller's side."""
    return await _task(work, certificate_id, Reader.SELLER)


async def print_papers(tools: Tools, task: Task, _job_id: UUID) -> tuple[Printed, ...]:
    """Print the paper in every language and store the files; the same facts give the same files."""
    view = service.view_for(task.certificate, task.reader)
    printed = []
    for language in CERTIFICATE.languages:
        pdf = await tools.renderer.render(CERTIFICATE.name, CERTIFICATE.version, language, view)
        sha256 = await tools.storage.put(pdf)
        paper = Paper(language, task.reader.value, CERTIFICATE.version, sha256)
        printed.append(Printed(paper, len(pdf)))
    return tuple(printed)


async def record(work: Work, task: Task, printed: tuple[Printed, ...]) -> None:
    """Note the printed files."""
    await service.record_papers(work, task.certificate.id, printed)


render = Outward(
    name="certificates.render",
    limits=Limits(queue="heavy"),
    load=load_for_holder,
    call=print_papers,
    record=record,
)
render_for_seller = Outward(
    name="certificates.render_for_seller",
    limits=Limits(queue="heavy"),
    load=load_for_seller,
    call=print_papers,
    record=record,
)


async def _task(work: Work, certificate_id: UUID, reader: Reader) -> Task | None:
    certificate = await service.papers_to_print(work, certificate_id, reader)
    return None if certificate is None else Task(certificate, reader)
