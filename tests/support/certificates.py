"""Certificates for tests: the template's own sample, with whatever a test wants to be different."""

from pathlib import Path
from typing import Any, Final

import msgspec

from marketplace.documents.certificate import CertificateView, Link, PartyName
from marketplace.documents.registry import CERTIFICATE

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates"
SAMPLE: Final = TEMPLATES / "documents/certificate/v1/sample.json"


def certificate_view(**changes: Any) -> CertificateView:
    """Give the sample with some fields replaced, checked like a fresh one."""
    view = CERTIFICATE.read(SAMPLE.read_bytes())
    return CERTIFICATE.read(CERTIFICATE.write(msgspec.structs.replace(view, **changes)))


def long_chain(length: int) -> CertificateView:
    """Give a certificate whose title passed through `length` holders with long names."""
    view = certificate_view()
    first, *_, last = view.chain
    links = [first]
    for number in range(2, length):
        holder = PartyName(
            name=f"Zwischenerwerberin Nummer {number} für gebrauchte Unternehmenslizenzen GmbH",
            reference=f"cmp_holder_{number}",
        )
        links.append(
            msgspec.structs.replace(last, giver=links[-1].taker, taker=holder, quantity=1200)
        )
    links.append(msgspec.structs.replace(last, giver=links[-1].taker))
    return certificate_view(chain=tuple(links))


def links_of(view: CertificateView) -> list[Link]:
    """Give the chain as a list that a test may change."""
    return list(view.chain)
