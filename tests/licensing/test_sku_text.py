"""SKU texts: what they say, what they leave open, and that no text is too strange."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.sku_text import Meaning, Offer, decode_sku_text, load_words

WORDS: Final = sorted(word.text for word in load_words().values())


class TestDecode:
    def test_every_word_of_a_device_cal_is_read(self) -> None:
        found = decode_sku_text("WinSvrCAL 2019 SNGL OLP NL DvcCAL")
        assert found.product is not None
        assert found.product.key == "ws_cal-2019-device"
        assert (found.programme, found.level, found.language) == ("open_license", "none", "single")
        assert found.offer is Offer.LICENCE
        assert found.confirmed
        assert not found.unknown

    def test_case_and_spaces_do_not_matter(self) -> None:
        plain = decode_sku_text("WinRmtDsktpSrvcsCAL 2022 SNGL OLP NL UsrCAL")
        assert decode_sku_text("  winrmtdsktpsrvcscal   2022 sngl olp nl USRCAL ") == plain

    def test_without_version_and_metric_all_products_stay_possible(self) -> None:
        found = decode_sku_text("WinRmtDsktpSrvcsCAL ALNG LicSAPk")
        assert found.product is None
        assert len(found.candidates) == 12
        assert found.offer is Offer.LICENCE_WITH_SA

    def test_2012_r2_is_the_2012_cal(self) -> None:
        found = decode_sku_text("WinSvrCAL 2012R2 SNGL DvcCAL")
        assert found.version == "2012"

    def test_word_from_memory_is_understood_and_flagged(self) -> None:
        found = decode_sku_text("WinSvrCAL 2019 SNGL OLP NL UsrCAL Acdmc")
        assert found.segment == "academic"
        assert not found.confirmed

    def test_software_assurance_alone_is_no_licence(self) -> None:
        assert decode_sku_text("WinSvrCAL ALNG SA MVL UsrCAL").offer is Offer.SA_ONLY

    @pytest.mark.parametrize(
        ("text", "question"),
        [
            ("WinSvrCAL 2019 UsrCAL DvcCAL", "metric"),
            ("WinSvrCAL SQLCAL 2019", "family"),
            ("WinSvrCAL 2016 2019 UsrCAL", "version"),
        ],
    )
    def test_contradiction_decides_nothing(self, text: str, question: str) -> None:
        found = decode_sku_text(text)
        assert question in found.contradicting
        assert found.product is None

    def test_unknown_words_are_named(self) -> None:
        assert decode_sku_text("WinSvrCAL 2019 Foo UsrCAL 1999").unknown == ("Foo", "1999")

    @given(st.text(max_size=400))
    def test_any_text_can_be_decoded(self, text: str) -> None:
        decode_sku_text(text)

    @given(st.lists(st.sampled_from([*WORDS, "2012", "2019", "2025", "x"]), max_size=12))
    def test_order_of_the_words_does_not_matter(self, words: list[str]) -> None:
        one, other = decode_sku_text(" ".join(words)), decode_sku_text(" ".join(reversed(words)))
        assert one.product == other.product
        assert set(one.contradicting) == set(other.contradicting)


class TestData:
    def test_families_programmes_and_sources_exist(self) -> None:
        catalogue = load_catalogue()
        for word in load_words().values():
            assert set(word.sources) <= set(catalogue.sources), word.text
            if word.means is Meaning.FAMILY:
                assert word.value in catalogue.families, word.text

    def test_texts_of_the_catalogue_decode_to_their_part_numbers(self) -> None:
        rows = [row for row in load_catalogue().part_numbers.values() if row.sku_text]
        assert rows
        for row in rows:
            found = decode_sku_text(str(row.sku_text))
            assert (found.family, found.version, found.metric) == (
                row.family,
                row.version,
                row.metric,
            )
