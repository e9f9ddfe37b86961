"""Routes: send a file, watch it, read what was found, accept, show as evidence, export, delete."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Controller, Request, delete, get, post
from litestar.enums import MediaType
from litestar.params import JSONBody, Parameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from marketplace.imports import service
from marketplace.imports.api.arriving import STATE_KEY, Arrived, FileMiddleware
from marketplace.imports.domain.batch import SIZE_MAX, Import, Kind, Outcome
from marketplace.imports.domain.export import ExportFormat
from marketplace.imports.domain.sentences import catalogues
from marketplace.imports.schemas import (
    EvidenceOf,
    ImportOut,
    ImportPage,
    LineOut,
    LinePage,
)
from marketplace.imports.service.checking import day_of
from marketplace.imports.service.receiving import TEXT, WORKBOOK
from marketplace.infra.access import company
from marketplace.infra.http.answers import Answer
from marketplace.infra.http.etags import etag_of
from marketplace.infra.http.files import FileName, as_attachment, gives_file, takes_file
from marketplace.infra.http.parameters import (
    AcceptLanguage,
    Cursor,
    GivenStorage,
    GivenWork,
    Language,
    Limit,
    path_id,
    wished_languages,
)
from marketplace.kernel.ids import format_id, parse_id, pattern
from marketplace.kernel.language import preferred
from marketplace.kernel.paging import LIMIT_DEFAULT, decode_cursor, window_of
from marketplace.licensing.eligibility.findings import load_rules
from marketplace.listings.schemas import EvidenceOut

ImportId = Annotated[str, Parameter(description="Import", pattern=pattern("imp"))]
_PLACE: Final = tuple[Annotated[int, Meta(ge=0, le=2_000_000)]]
_MEDIA_TYPES: Final = (WORKBOOK, TEXT)


class ImportController(Controller):
    """Files of many lines: licence statements and lists, usage reports, accesses."""

    path = "/v1/imports"
    tags = ("imports",)

    @post(
        "/",
        operation_id="post_import",
        operation_class=takes_file(_MEDIA_TYPES, "50 MB"),
        status_code=202,
        middleware=[FileMiddleware],
        request_max_body_size=SIZE_MAX,
        opt={"access": company("imports:write"), "refusals": (413, 415)},
    )
    async def post_import(  # noqa: PLR0913, PLR0917 - each parameter of the address is one
        self,
        work: GivenWork,
        storage: GivenStorage,
        request: Request[Any, Any, Any],
        kind: Annotated[Kind, Parameter(description="What the file holds")],
        file_name: FileName,
        dry_run: Annotated[  # noqa: FBT002 - a parameter of the address has a name
            bool, Parameter(description="Only check; `acceptance` makes the lines count")
        ] = True,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[ImportOut]:
        """Send an XLSX or CSV file as the request body. It is read and checked in the background.

        Good lines are kept and bad ones are named with what to do. Files are not scanned for viruses.
        """
        arrived: Arrived = request.scope["state"][STATE_KEY]
        upload = service.Upload(
            kind=kind,
            file_name=file_name,
            dry_run=dry_run,
            file=arrived.file,
            size_bytes=arrived.size_bytes,
            sha256=arrived.sha256,
        )
        batch = await service.receive_file(work, storage, upload)
        answer = _answer(batch, _spoken(language, accept_language))
        answer.headers |= {
            "location": f"/v1/imports/{format_id('imp', batch.id)}",
            "retry-after": "1",
        }
        return answer

    @get("/", operation_id="list_imports", opt={"access": company("imports:read")})
    async def list_imports(
        self,
        work: GivenWork,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> ImportPage:
        """List your imports, newest first."""
        page = await service.list_imports(work, window_of(limit, cursor))
        spoken = _spoken(language, accept_language)
        return ImportPage([ImportOut.of(row, spoken) for row in page.items], page.next_cursor)

    @get("/{import_id:str}", operation_id="load_import", opt={"access": company("imports:read")})
    async def load_import(
        self,
        work: GivenWork,
        import_id: ImportId,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[ImportOut]:
        """See how far an import is and what was recognised."""
        batch = await service.load_import(work, path_id("imp", import_id))
        return _answer(batch, _spoken(language, accept_language))

    @get(
        "/{import_id:str}/lines",
        operation_id="list_import_lines",
        opt={"access": company("imports:read")},
    )
    async def list_import_lines(  # noqa: PLR0913, PLR0917 - each filter is a parameter
        self,
        work: GivenWork,
        import_id: ImportId,
        outcome: Annotated[Outcome | None, Parameter(description="Only these")] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> LinePage:
        """Read what was found, line by line in the order of the file."""
        after = decode_cursor(cursor, _PLACE)[0] if cursor else 0
        outcomes = [] if outcome is None else [outcome]
        batch, page = await service.list_lines(
            work, path_id("imp", import_id), outcomes, after, limit
        )
        spoken, on = _spoken(language, accept_language), day_of(batch)
        return LinePage(
            items=[LineOut.of(line, batch, on, spoken) for line in page.items],
            next_cursor=page.next_cursor,
            checked_on=on,
            rule_set_version=load_rules().version,
        )

    @post(
        "/{import_id:str}/acceptance",
        operation_id="accept_import",
        status_code=200,
        opt={"access": company("imports:write")},
    )
    async def accept_import(
        self,
        work: GivenWork,
        import_id: ImportId,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Answer[ImportOut]:
        """Make a checked dry run count, without sending the file again."""
        batch = await service.accept_import(work, path_id("imp", import_id))
        return _answer(batch, _spoken(language, accept_language))

    @post(
        "/{import_id:str}/evidence",
        operation_id="attach_import",
        opt={"access": company("imports:write")},
    )
    async def attach_import(
        self, work: GivenWork, import_id: ImportId, data: JSONBody[EvidenceOf]
    ) -> EvidenceOut:
        """Show the original of a licence statement as evidence of one of your listings."""
        listing_id: UUID = parse_id("lst", data.listing_id)
        return EvidenceOut.of(
            await service.attach_original(work, path_id("imp", import_id), listing_id)
        )

    @get(
        "/{import_id:str}/file",
        operation_id="fetch_import",
        operation_class=gives_file(_MEDIA_TYPES),
        media_type=MediaType.TEXT,
        opt={"access": company("imports:read")},
    )
    async def fetch_import(
        self, work: GivenWork, storage: GivenStorage, import_id: ImportId
    ) -> Answer[bytes]:
        """Fetch the original, byte for byte."""
        batch = await service.load_import(work, path_id("imp", import_id))
        return Answer(
            await storage.get(batch.sha256),
            media_type=batch.media_type,
            headers=dict(as_attachment(batch.file_name)),
        )

    @get(
        "/{import_id:str}/export",
        operation_id="export_import",
        operation_class=gives_file(_MEDIA_TYPES),
        media_type=MediaType.TEXT,
        opt={"access": company("imports:read"), "refusals": (409,)},
    )
    async def export_import(
        self,
        work: GivenWork,
        import_id: ImportId,
        file_format: Annotated[
            ExportFormat, QueryParameter(name="format", description="Type of the file")
        ] = ExportFormat.XLSX,
        language: Language = None,
        accept_language: AcceptLanguage = None,
    ) -> Stream:
        """Fetch all lines with problems and findings as a file for a spreadsheet program."""
        wanted = path_id("imp", import_id)
        spoken = _spoken(language, accept_language)
        export = await service.export_import(work, wanted, file_format, spoken)
        return Stream(
            export.pieces(),
            media_type=WORKBOOK if file_format is ExportFormat.XLSX else TEXT,
            headers={
                **as_attachment(f"{import_id}.{file_format.value}"),
                "content-length": str(export.size_bytes),
            },
        )

    @delete(
        "/{import_id:str}",
        operation_id="delete_import",
        opt={"access": company("imports:write")},
    )
    async def delete_import(self, work: GivenWork, import_id: ImportId) -> None:
        """Delete an import, its lines and, unless a listing shows it, its file."""
        await service.delete_import(work, path_id("imp", import_id))


def _spoken(language: str | None, accept_language: str | None) -> str:
    return preferred(wished_languages(language, accept_language), catalogues())


def _answer(batch: Import, language: str) -> Answer[ImportOut]:
    tag = etag_of(batch.id, batch.version)
    return Answer(
        ImportOut.of(batch, language),
        # The sentences are part of the answer, so the language is part of its tag.
        headers={"etag": f'{tag[:-1]}.{language}"', "vary": "Accept-Language"},
    )
