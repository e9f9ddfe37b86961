"""What a certificate states, and what it refuses to state."""

import msgspec
import pytest

from marketplace.documents.certificate import (
    CertificateView,
    PartyName,
    UnitRange,
    mask_buyer,
    mask_first_acquirer,
)
from marketplace.documents.registry import CERTIFICATE, KINDS, kind_named
from marketplace.kernel.errors import NotFound
from tests.support.certificates import SAMPLE, certificate_view, links_of, long_chain


def printed(view: CertificateView) -> str:
    return CERTIFICATE.write(view).decode()


class TestFreezeCertificate:
    def test_sample_is_written_exactly_as_it_is_read(self) -> None:
        frozen = CERTIFICATE.write(CERTIFICATE.read(SAMPLE.read_bytes()))
        assert msgspec.json.format(frozen, indent=2) + b"\n" == SAMPLE.read_bytes()

    def test_field_that_nobody_knows_is_refused(self) -> None:
        frozen = SAMPLE.read_bytes().replace(b'"number"', b'"serial": "x", "number"', 1)
        with pytest.raises(msgspec.ValidationError, match="serial"):
            CERTIFICATE.read(frozen)

    def test_quantity_is_the_sum_of_the_lines(self) -> None:
        (licence,) = certificate_view().licences
        half = msgspec.structs.replace(licence, quantity=600)
        assert certificate_view(licences=(half, half)).quantity == 1200

    def test_long_chain_without_gap_is_accepted(self) -> None:
        assert len(long_chain(12).chain) == 12


class TestRefuseContradiction:
    def test_units_that_differ_from_the_quantity_are_refused(self) -> None:
        (licence,) = certificate_view().licences
        more = msgspec.structs.replace(licence, quantity=1201)
        with pytest.raises(ValueError, match="1201 licences but 1200 units"):
            certificate_view(licences=(more,))

    def test_unit_range_without_a_unit_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one unit"):
            UnitRange(first=5, end=5)

    def test_more_licences_than_were_acquired_are_refused(self) -> None:
        source = msgspec.structs.replace(certificate_view().source, sold_earlier=1)
        with pytest.raises(ValueError, match="C09"):
            certificate_view(source=source)

    def test_chain_that_ends_elsewhere_is_refused(self) -> None:
        links = links_of(certificate_view())[:-1]
        with pytest.raises(ValueError, match="does not end with the buyer"):
            certificate_view(chain=tuple(links))

    def test_chain_with_a_gap_is_refused(self) -> None:
        first, _, last = links_of(certificate_view())
        with pytest.raises(ValueError, match="has a gap"):
            certificate_view(chain=(first, last))

    def test_rightholder_in_the_middle_of_the_chain_is_refused(self) -> None:
        first, second, last = links_of(certificate_view())
        orphan = msgspec.structs.replace(second, giver=None)
        with pytest.raises(ValueError, match="has a gap"):
            certificate_view(chain=(first, orphan, last))

    def test_evidence_that_is_not_listed_is_refused(self) -> None:
        papers = certificate_view().papers[1:]
        with pytest.raises(ValueError, match="evi_01kabq7d2ne0brh3v6x8z1c4mf"):
            certificate_view(papers=papers)

    def test_contradiction_in_stored_facts_is_refused_too(self) -> None:
        spoiled = SAMPLE.read_bytes().replace(b'"end": 1200', b'"end": 1199')
        with pytest.raises(msgspec.ValidationError, match="1200 licences but 1199 units"):
            CERTIFICATE.read(spoiled)


class TestMaskBuyer:
    def test_nothing_that_names_the_buyer_is_left(self) -> None:
        view = certificate_view()
        masked = printed(mask_buyer(view))
        for trace in ("Vossberg", "Bielefeld", "DE126563585"):
            assert trace in printed(view)
            assert trace not in masked

    def test_seller_and_reference_of_the_buyer_stay(self) -> None:
        view = certificate_view()
        masked = mask_buyer(view)
        assert masked.seller == view.seller
        assert masked.buyer.reference == view.buyer.reference
        assert masked.chain[-1].taker == PartyName(name=None, reference=view.buyer.reference)
        assert masked.audience == "seller"

    def test_masked_copy_can_be_frozen_and_read_back(self) -> None:
        masked = mask_buyer(certificate_view())
        assert CERTIFICATE.read(CERTIFICATE.write(masked)) == masked


class TestMaskFirstAcquirer:
    def test_nothing_that_names_an_earlier_holder_is_left(self) -> None:
        view = long_chain(4)
        masked = printed(mask_first_acquirer(view))
        for trace in ("Nordlicht", "Kiel", "DE811907980", "Petersen", "Nummer 2", "71830452"):
            assert trace in printed(view)
            assert trace not in masked

    def test_operator_and_buyer_stay(self) -> None:
        view = certificate_view()
        masked = mask_first_acquirer(view)
        assert (masked.operator, masked.buyer) == (view.operator, view.buyer)
        assert masked.disclosure == "masked_with_release_on_audit"

    def test_declaration_of_another_company_is_left_alone(self) -> None:
        view = certificate_view()
        (declaration,) = view.declarations
        of_operator = msgspec.structs.replace(
            declaration,
            declarant=PartyName(name=view.operator.name, reference=view.operator.reference),
        )
        masked = mask_first_acquirer(certificate_view(declarations=(of_operator,)))
        assert masked.declarations == (of_operator,)


class TestFindKind:
    def test_every_kind_is_found_by_its_name(self) -> None:
        assert [kind_named(name) for name in KINDS] == list(KINDS.values())

    def test_unknown_kind_is_refused(self) -> None:
        with pytest.raises(NotFound) as refusal:
            kind_named("passport")
        assert refusal.value.code == "document.unknown_kind"
