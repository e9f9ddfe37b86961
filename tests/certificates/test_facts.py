"""What a certificate says of a posted transfer: every product, every odd position, and what must never be issued."""

from datetime import date
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.certificates.domain.facts import Posted, Provenance
from marketplace.documents.certificate import RdsNumber, mask_first_acquirer
from marketplace.documents.registry import CERTIFICATE
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import format_id
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.findings import Outcome
from marketplace.licensing.eligibility.positions import (
    ChainLink,
    Declared,
    EvidenceKind,
    SellerRole,
)
from marketplace.licensing.programmes import load_programmes
from marketplace.register.domain import Units
from marketplace.transfers.domain import Disclosure
from tests.support.facts import (
    BUYER_ID,
    FIRST_ID,
    HEAD,
    NOW,
    OPERATOR_ID,
    SELLER_ID,
    composed,
    evidence,
    position,
    posted,
    provenance,
)

CATALOGUE: Final = load_catalogue()


class TestParties:
    def test_all_four_are_named_in_full(self) -> None:
        view = composed()
        assert view.seller.reference == view.first_acquirer.reference == format_id("cmp", SELLER_ID)
        assert view.buyer.name == "Käufer & Söhne KG"
        assert view.operator.reference == format_id("cmp", OPERATOR_ID)
        assert view.seller.address == ("Speicherstraße 12", "20457 Hamburg")

    def test_earlier_owner_of_the_chain_is_the_first_acquirer(self) -> None:
        view = composed(posted(owners=(FIRST_ID, SELLER_ID, OPERATOR_ID)))
        assert view.first_acquirer.name == "Erstkäuferin SE"
        assert [link.taker.name for link in view.chain] == [
            "Erstkäuferin SE",
            "Nordlicht Maschinenbau GmbH",
            "Cession Operations GmbH",
            "Käufer & Söhne KG",
        ]


class TestLicence:
    def test_line_says_product_version_metric_and_number(self) -> None:
        source = provenance(position=position(part_number="R18-05767", pack_size=5))
        (line,) = composed(source=source).licences
        assert (line.product, line.version, line.metric) == ("Windows Server CAL", "2019", "user")
        assert (line.quantity, line.part_number, line.pack_size) == (50, "R18-05767", 5)

    @pytest.mark.parametrize("key", sorted(CATALOGUE.products))
    def test_every_product_can_be_certified(self, key: str) -> None:
        findings = [
            finding
            for finding in provenance(position=position(key)).findings
            if finding.outcome is not Outcome.BLOCK
        ]
        source = provenance(position=position(key), findings=tuple(findings))
        made = posted(product=key, signing={"licence_servers": ("RDLIC01",)})
        view = composed(made, source)
        assert view.licences[0].metric == CATALOGUE.product(key).metric.value

    @pytest.mark.parametrize("segment", sorted(load_programmes().segments))
    def test_every_segment_can_be_certified(self, segment: str) -> None:
        findings = tuple(
            finding for finding in provenance().findings if finding.outcome is not Outcome.BLOCK
        )
        source = provenance(position=position(segment=segment), findings=findings)
        assert composed(source=source).licences[0].segment == segment.partition("_")[0]


class TestSource:
    def test_balance_and_first_sale_are_told(self) -> None:
        source = composed().source
        assert source.programme == "Open License"
        assert (source.acquired, source.sold_earlier, source.retained) == (200, 20, 60)
        assert (source.first_sold_on, source.first_sold_country) == (date(2020, 3, 1), "DE")

    def test_unknown_programme_is_told_as_the_seller_wrote_it(self) -> None:
        source = provenance(
            position=position(programme="old_scheme"), findings=provenance().findings
        )
        assert composed(source=source).source.programme == "old_scheme"

    @pytest.mark.parametrize(
        ("changes", "since"),
        [
            ({"programme": "open_license"}, date(2020, 3, 1)),
            ({"programme": "open_license", "paid_in_full": False}, None),
            ({"programme": "open_value", "term_end_on": date(2023, 2, 28)}, date(2023, 3, 1)),
            ({"programme": "open_value"}, None),
            ({"programme": "select_plus"}, None),
            ({"programme": "nothing_known"}, None),
        ],
    )
    def test_unlimited_since_the_day_the_programme_says(
        self, changes: dict[str, Any], since: date | None
    ) -> None:
        source = provenance(position=position(**changes), findings=provenance().findings)
        assert composed(source=source).source.perpetual_since == since

    def test_first_sale_without_a_date_is_not_certified(self) -> None:
        source = provenance(position=position(first_sold_on=None), findings=provenance().findings)
        with pytest.raises(Conflict, match="C02"):
            composed(source=source)


class TestChain:
    def test_steps_name_the_papers_that_prove_them(self) -> None:
        first, purchase, sale = composed().chain
        assert (first.act, first.giver, first.quantity) == ("first_sale", None, 200)
        assert first.papers == tuple(format_id("evi", item.id) for item in provenance().evidence)
        assert purchase.papers == (format_id("dcl", posted().declaration.id),)
        assert sale.papers == (format_id("trf", posted().transfer.id),)
        assert (purchase.quantity, sale.quantity) == (50, 50)

    @pytest.mark.parametrize(
        "owners", [(SELLER_ID, None, OPERATOR_ID), (None, SELLER_ID, OPERATOR_ID)]
    )
    def test_owner_that_is_gone_is_not_certified(self, owners: tuple[Any, ...]) -> None:
        with pytest.raises(Conflict, match="C11"):
            composed(posted(owners=owners))

    def test_neither_order_nor_listing_is_named(self) -> None:
        facts = CERTIFICATE.write(composed()).decode()
        assert "ord_" not in facts
        assert "lst_" not in facts


class TestSecondHand:
    """Lots that the seller bought from somebody else: the owners before it stand on the paper too."""

    def second_hand(self) -> Provenance:
        links = (
            ChainLink(
                transferor="Mittelmann GmbH",
                transferee="seller",
                quantity=50,
                transferred_on=date(2023, 2, 1),
            ),
            ChainLink(
                transferor="Erst AG",
                transferee="Mittelmann GmbH",
                quantity=80,
                transferred_on=date(2021, 6, 1),
            ),
        )
        bought = msgspec.structs.replace(position(), first_acquirer="Erst AG", chain=links)
        return provenance(
            position=bought,
            evidence=evidence(EvidenceKind.FIRST_INVOICE, EvidenceKind.TRANSFER_DEED),
            findings=provenance().findings[:1],
        )

    def test_every_owner_is_told_in_order_of_the_days(self) -> None:
        view = composed(source=self.second_hand())
        assert view.first_acquirer.name == "Erst AG"
        told = [(link.act, link.taker.name, link.quantity) for link in view.chain]
        assert told[:3] == [
            ("first_sale", "Erst AG", view.source.acquired),
            ("transfer", "Mittelmann GmbH", 80),
            ("transfer", view.seller.name, 50),
        ]
        assert view.chain[-1].taker.reference == view.buyer.reference

    def test_names_of_earlier_owners_are_withheld_with_the_first_acquirer(self) -> None:
        masked = mask_first_acquirer(composed(source=self.second_hand()))
        assert "Erst AG" not in CERTIFICATE.write(masked).decode()
        assert "Mittelmann" not in CERTIFICATE.write(masked).decode()
        assert masked.first_acquirer.reference == "owner-1"

    def test_transfer_without_a_day_is_not_certified(self) -> None:
        bought = self.second_hand()
        undated = tuple(
            msgspec.structs.replace(link, transferred_on=None) for link in bought.position.chain
        )
        whole = msgspec.structs.replace(bought.position, chain=undated)
        with pytest.raises(Conflict) as refused:
            composed(source=msgspec.structs.replace(bought, position=whole))
        assert refused.value.code == "certificate.condition_open"


class TestPapers:
    def test_evidence_is_listed_with_its_hash(self) -> None:
        kinds = list(EvidenceKind)
        view = composed(source=provenance(evidence=evidence(*kinds)))
        assert len(view.papers) == len(kinds) + 2
        assert all(paper.sha256 for paper in view.papers[:-1])
        assert view.papers[-1].kind == "deed"

    def test_declaration_is_listed_with_the_hash_in_the_register(self) -> None:
        view = composed()
        (paper,) = [paper for paper in view.papers if paper.kind == "declaration"]
        assert paper.sha256 == posted().declaration.document_sha256()

    def test_declaration_names_signatory_and_licence_servers(self) -> None:
        made = posted(
            signing={
                "licence_servers": ("RDLIC01", "RDLIC02"),
                "signatory_name": "N" * 150,
                "signatory_function": "F" * 150,
            }
        )
        (declared,) = composed(made).declarations
        assert declared.licence_servers == ("RDLIC01", "RDLIC02")
        assert declared.signatory is not None
        assert len(declared.signatory) == 200


class TestConditions:
    def test_each_rule_stands_once_in_order(self) -> None:
        rules = [condition.rule for condition in composed().conditions]
        assert rules == sorted(set(rules))
        assert "C07" in rules

    def test_worst_finding_of_a_rule_counts(self) -> None:
        one = next(finding for finding in provenance().findings if finding.outcome is Outcome.PASS)
        worse = msgspec.structs.replace(one, outcome=Outcome.WARN)
        for findings in ((one, worse), (worse, one)):
            (condition,) = composed(source=provenance(findings=findings)).conditions
            assert condition.outcome == "warn"

    def test_open_hold_is_the_reviewers_word(self) -> None:
        one = msgspec.structs.replace(provenance().findings[0], outcome=Outcome.HOLD)
        (condition,) = composed(source=provenance(findings=(one,))).conditions
        assert (condition.outcome, condition.note) == ("warn", "accepted by the reviewer")

    def test_what_the_seller_signed_answers_what_the_position_left_open(self) -> None:
        undeclared = position(
            retention_covenant=Declared.UNKNOWN,
            third_party_rights=Declared.UNKNOWN,
            seller_role=SellerRole.UNKNOWN,
        )
        conditions = composed(source=provenance(position=undeclared)).conditions
        found = {item.rule: item for item in conditions}
        declaration = format_id("dcl", posted().declaration.id)
        for rule in ("C14", "C17", "C18"):
            assert (found[rule].outcome, found[rule].note) == ("warn", "declared by the seller")
            assert declaration in found[rule].evidence
        assert found["C11"].note == "accepted by the reviewer"

    def test_block_stops_the_certificate(self) -> None:
        one = msgspec.structs.replace(provenance().findings[0], outcome=Outcome.BLOCK)
        with pytest.raises(Conflict) as refusal:
            composed(source=provenance(findings=(one,)))
        assert refusal.value.code == "certificate.condition_open"
        assert one.rule_id in refusal.value.detail

    def test_cease_use_rests_on_the_declaration(self) -> None:
        (c07,) = [item for item in composed().conditions if item.rule == "C07"]
        assert format_id("dcl", posted().declaration.id) in c07.evidence


class TestScope:
    def test_older_servers_are_covered_newest_first(self) -> None:
        scope = composed().scope
        assert scope.server_product == "Windows Server"
        assert scope.covers[0] == "2019"
        assert "2016" in scope.covers
        assert "2022" not in scope.covers
        assert (scope.base_cal, scope.rds) == (None, None)

    def test_remote_desktop_licence_tells_number_and_base(self) -> None:
        made = posted(product="rds_cal-2019-user", signing={"licence_servers": ("RDLIC01",)})
        scope = composed(made, provenance(position=position("rds_cal-2019-user"))).scope
        assert scope.base_cal == "Windows Server CAL"
        assert scope.rds == RdsNumber(programme="Open License", number="71830452")

    def test_version_that_no_source_confirms_is_not_promised(self) -> None:
        key = "exch_std_cal-2019-user"
        findings = tuple(
            finding for finding in provenance().findings if finding.outcome is not Outcome.BLOCK
        )
        made, source = posted(product=key), provenance(position=position(key), findings=findings)
        assert composed(made, source).scope.covers == ()


class TestRegister:
    def test_several_pieces_are_one_transfer(self) -> None:
        view = composed(posted(Units(0, 20), Units(40, 70)))
        assert [entry.units.size for entry in view.register.entries] == [20, 30]
        assert view.quantity == 50
        assert view.register.lot == format_id("lot", posted().transfer.lot_id)

    def test_entry_is_the_sale_to_the_buyer(self) -> None:
        (entry,) = composed().register.entries
        assert entry.event == format_id("evt", posted().lines[0].sale_id)
        assert entry.leaf_hash == "03" * 32
        assert entry.recorded_at == NOW


class TestWhatNeverIsIssued:
    def test_posted_without_a_declaration(self) -> None:
        made = posted()
        bare = Posted(
            transfer=msgspec.structs.replace(made.transfer, declaration=None),
            lines=made.lines,
            chains=made.chains,
        )
        with pytest.raises(AssertionError):
            composed(bare)

    def test_more_than_was_acquired(self) -> None:
        source = provenance(position=position(acquired=100), findings=provenance().findings)
        with pytest.raises(ValueError, match="C09"):
            composed(source=source)

    def test_field_that_cannot_be_read_back(self) -> None:
        source = provenance(position=position(country="Germany"), findings=provenance().findings)
        with pytest.raises(msgspec.ValidationError):
            composed(source=source)


class TestAnyTransfer:
    @given(
        sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6),
        gap=st.integers(0, 5),
        disclosure=st.sampled_from(Disclosure),
    )
    def test_what_is_composed_is_stored_and_read_back_alike(
        self, sizes: list[int], gap: int, disclosure: Disclosure
    ) -> None:
        at, pieces = 0, []
        for size in sizes:
            pieces.append(Units(at, at + size))
            at += size + gap
        view = composed(posted(*pieces, signing={"disclosure": disclosure}))
        assert CERTIFICATE.read(CERTIFICATE.write(view)) == view
        assert view.quantity == sum(sizes)
        assert view.verification.code == HEAD.code
        assert view.buyer.reference == format_id("cmp", BUYER_ID)
