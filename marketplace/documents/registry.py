"""All kinds of paper as values: a new document is a view file, a template folder and one line here.

The template of a kind lies in `templates/documents/<name>/v<version>/`. A published version never
changes: a paper printed last year must come out the same. New words or a new look: new version.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Generic, TypeVar

import msgspec

from marketplace.documents.certificate import CertificateView
from marketplace.kernel.errors import NotFound

View = TypeVar("View", bound=msgspec.Struct)


class DocumentKind(msgspec.Struct, Generic[View], frozen=True, kw_only=True):
    """One kind of paper: its name, newest template version, facts and languages."""

    name: str
    version: int
    view: type[View]
    languages: tuple[str, ...]

    def write(self, view: View) -> bytes:
        """Freeze the facts as JSON, fit to be stored."""
        return msgspec.json.encode(view)

    def read(self, stored: bytes) -> View:
        """Read frozen facts back; raises `msgspec.ValidationError` if they are not this kind's."""
        return msgspec.json.decode(stored, type=self.view)


CERTIFICATE: Final = DocumentKind(
    name="certificate", version=1, view=CertificateView, languages=("en", "de")
)

KINDS: Final[Mapping[str, DocumentKind[CertificateView]]] = MappingProxyType(
    {kind.name: kind for kind in (CERTIFICATE,)}
)


def kind_named(name: str) -> DocumentKind[CertificateView]:
    """Find a kind; raises `NotFound` (`document.unknown_kind`)."""
    if name not in KINDS:
        raise NotFound("document.unknown_kind", f"There is no paper of the kind {name!r}.")
    return KINDS[name]
